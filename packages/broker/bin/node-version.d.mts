/** What to tell the user when this Node is too old; undefined when it will do. */
export declare function nodeTooOld(version: string): string | undefined;
