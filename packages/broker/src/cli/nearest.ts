/** The name of `known` that was probably meant: two slips away at most, or the same beginning; undefined when none is near. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase();
  let best: string | undefined;
  // More than two in five letters wrong is another word.
  let least = Math.min(Math.floor(Math.max(wanted.length, 3) * 0.4), 2) + 1;
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < least) {
      best = candidate;
      least = distance;
    }
  }
  return best ?? beginsAlike(wanted, known);
}

function beginsAlike(wanted: string, known: Iterable<string>): string | undefined {
  for (const candidate of known) {
    const other = candidate.toLowerCase();
    const least = Math.min(wanted.length, other.length);
    if (least >= 3 && (other.startsWith(wanted) || wanted.startsWith(other))) return candidate;
  }
  return undefined;
}

/** `; did you mean X?`, or nothing. */
export function suggestion(name: string, known: Iterable<string>): string {
  const best = nearest(name, known);
  return best === undefined ? '' : `; did you mean ${best}?`;
}

/** Letters added, left out, changed, or swapped with their neighbour. */
function editDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const row = [i];
    for (let j = 1; j <= right.length; j++) {
      const same = left[i - 1] === right[j - 1];
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1];
      if (swapped) cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[right.length] ?? 0;
}
