/**
 * The extender's process in the demo: what `muster extender` runs, and nothing else. It ends with the demo, however that ended:
 * their channel breaks. Arguments: version, configuration file, kubeconfig.
 */
import { failureText } from '../errors.ts';
import { runExtender } from '../extender-process.ts';

const [version = '', config = '', kubeconfig = ''] = process.argv.slice(2);

process.on('disconnect', () => process.exit(0));
try {
  await runExtender(version, { config, kubeconfig });
} catch (error) {
  process.stderr.write(`${failureText(error)}\n`);
  process.exit(1);
}
