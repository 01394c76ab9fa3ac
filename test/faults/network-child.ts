import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/**
 * One place of a network: listens at `HOST:PORT`, and for each line `ADDRESS TEXT` on its standard input sends the text there. Says
 * `ready`, `heard TEXT` and, once the other side has said so, `answered TEXT`. One connection an address, as members have.
 */
const [host = '', port = ''] = (process.argv[2] ?? '').split(':');
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const links = new Map<string, Socket>();

const server = createServer((socket) => {
  createInterface({ input: socket }).on('line', (text) => {
    say(`heard ${text}`);
    socket.write(`${text}\n`);
  });
});
server.listen(Number(port), host, () => say('ready'));

function linkTo(address: string): Socket {
  const found = links.get(address);
  if (found !== undefined) return found;
  const [to = '', at = ''] = address.split(':');
  const socket = connect({ host: to, port: Number(at), noDelay: true });
  createInterface({ input: socket }).on('line', (text) => say(`answered ${text}`));
  links.set(address, socket);
  return socket;
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const [address = '', text = ''] = line.split(' ');
  linkTo(address).write(`${text}\n`);
});
