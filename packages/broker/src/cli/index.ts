/** The command line as a function, for those who ship it inside a program of their own. */
export { ExitCode } from './exit-codes.js';
export { main } from './main.js';
