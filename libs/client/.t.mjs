import { connect } from '@env-cli/client';
const t = performance.now();
try {
  await connect(process.argv[2], { connectTimeoutMs: 300 });
} catch (e) {
  console.log(e.message, performance.now() - t, process.getActiveResourcesInfo());
}
process.on('exit', () => console.log('exit', performance.now() - t));
