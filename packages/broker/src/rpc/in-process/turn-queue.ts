/** Something to do at the end of this turn of the event loop. */
export interface Task {
  run(): void;
}

/**
 * What crosses between client and broker waits here until the turn's end, as it would in a socket: neither side is ever
 * called from inside its own call, and a burst costs one timer of the event loop.
 */
export class TurnQueue {
  private tasks: Task[] = [];
  private readonly runAll = (): void => {
    const due = this.tasks;
    this.tasks = [];
    for (const task of due) task.run();
  };

  add(task: Task): void {
    if (this.tasks.push(task) === 1) setImmediate(this.runAll);
  }
}
