/** A script to compare with another of which the turns are shorter: what comes of one command may come in another order. */
export function byCommand(script: string): readonly (readonly string[])[] {
  const commands: string[][] = [];
  for (const line of script.split('\n')) {
    if (line.startsWith('  ')) commands.at(-1)?.push(line);
    else commands.push([line]);
  }
  return commands.map(([command = '', ...outcome]) => [command, ...outcome.sort()]);
}
