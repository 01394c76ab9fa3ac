/**
 * What a user's first program may look like: it is type-checked and run against the package as it is installed, on the oldest and
 * on the present Node.js. The address is replaced by those of the test.
 */
import { connect, EnvCliError, parse, type Change, type Live, type Reason } from '@env-cli/client';

const client = await connect('localhost:7371', { timeoutMs: 30_000 });
const { environments } = client;

const created = await environments.set(
  'pack/prod',
  { PORT: '8080', API_KEY: { value: 'sk_packed', secret: true } },
  { createIfAbsent: true },
);
const { environment } = await environments.get('pack/prod', { consistency: 'strong', token: created.header.token });
console.log(environment.variables.map(({ name, value }) => `${name}=${value ?? '(secret)'}`).join(' '));

const reasonOf = async (call: Promise<unknown>): Promise<Reason | 'answered'> => {
  try {
    await call;
    return 'answered';
  } catch (error) {
    if (!(error instanceof EnvCliError)) throw error;
    return error.reason;
  }
};
console.log(await reasonOf(environments.create('pack/prod')));
console.log(await reasonOf(environments.get('pack/prod', { signal: AbortSignal.abort() })));

const live = client.live('pack/prod', { schema: { PORT: parse.integer, API_KEY: parse.text } });
await live.ready;
const typed: Live<{ readonly PORT: number; readonly API_KEY: string }> = live;
const port: number = typed.get('PORT');
// @ts-expect-error A name that the schema does not have is found by the compiler.
typed.get('POTR');
console.log(port + 1);

const [first] = await Promise.all([
  (async (): Promise<Change | undefined> => {
    for await (const event of environments.watch({ prefix: 'pack/', startRevision: created.revision + 1 })) {
      if (event.kind === 'changes') return event.changes[0];
    }
    return undefined;
  })(),
  environments.set('pack/prod', { PORT: '8081' }),
]);
console.log(first?.variables[0]?.after?.value);
if (live.get('PORT') !== 8081) for await (const change of live) if (change.kind === 'values') break;
console.log(live.get('PORT'));

const answers = await Promise.all(Array.from({ length: 1000 }, () => environments.get('pack/prod')));
console.log(answers.length);

// The test ends the cluster when it reads this line.
console.log('ready');
while (live.status.state !== 'away') await new Promise((resolve) => setTimeout(resolve, 20));
console.log(live.status.source, live.get('PORT'), live.status.problem !== null);
console.log(await reasonOf(environments.set('pack/prod', { PORT: '1' }, { timeoutMs: 500 })));
const left = [environments.get('pack/prod'), environments.set('pack/prod', { PORT: '2' })].map(reasonOf);
await client.close();
console.log((await Promise.all(left)).join(' '));
