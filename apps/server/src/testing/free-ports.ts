import { createServer } from 'node:net';

/** Below the ports that systems hand out by themselves (Linux: from 32,768 on), to clients too: nobody takes one between the look and its use. */
const portMin = 10_000;
const blocks = 220;
const portsInBlock = 100;
const attemptsMax = 50;

/** Processes that run beside one another look in different blocks, unless their ids are a multiple of 220 apart. */
const block = portMin + (process.pid % blocks) * portsInBlock;
let next = Math.floor(Math.random() * portsInBlock);

/** So many TCP ports of 127.0.0.1 in a row, 100 at most, that nobody listens on. */
export async function freePorts(count: number): Promise<number[]> {
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    if (next + count > portsInBlock) next = 0;
    const ports = Array.from({ length: count }, (_, at) => block + next + at);
    next += count;
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return ports;
  }
  throw new Error(`${count} free ports in a row were not found from ${block} to ${block + portsInBlock - 1}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
