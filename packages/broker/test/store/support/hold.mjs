// Takes the data directory argv[2], says so, and holds it until it is ended.
import { DataDirLock } from '../../../dist/store/data-dir-lock.js';

const [, , directory, command] = process.argv;
try {
  await DataDirLock.take(directory, {
    command,
    onLost: (error) => {
      console.log(`lost: ${error.message}`);
      process.exit(3);
    },
  });
  console.log('held');
  // The lock itself keeps no process alive.
  setInterval(() => undefined, 1_000);
} catch (error) {
  console.log(`refused: ${error.code}: ${error.message}`);
}
