/** `node host.js <dist/main.js> …` runs these services in one process. Imported by nobody: importing it runs it. */
import { hostServices } from './host-services.js';

await hostServices(process.argv.slice(2).filter((argument) => !argument.startsWith('--')));
