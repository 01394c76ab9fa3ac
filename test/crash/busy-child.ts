// A process that changes files in every way that Node and LMDB have, for the recorder's own test.
import * as fs from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { open } from 'lmdb';

const [directory = '', marks = ''] = process.argv.slice(2);

fs.mkdirSync(join(directory, 'a/b'), { recursive: true });
const file = fs.openSync(join(directory, 'a/x'), 'w');
fs.writeSync(file, 'at the position');
fs.writeSync(file, 'over it', 3);
fs.writevSync(file, [Buffer.from('two'), Buffer.from('parts')], 100);
fs.fdatasyncSync(file);
await promisify(fs.write)(file, Buffer.from('from the pool'), 0, 13, 200);
await promisify(fs.writev)(file, [Buffer.from('gathered'), Buffer.from('in the pool')], 300);
await promisify(fs.fdatasync)(file);
fs.ftruncateSync(file, 305);
fs.ftruncateSync(file, 4096);
fs.closeSync(file);
fs.writeFileSync(marks, 'halfway');

await fs.promises.writeFile(join(directory, 'a/new.tmp'), 'first');
await fs.promises.rename(join(directory, 'a/new.tmp'), join(directory, 'a/new'));
fs.appendFileSync(join(directory, 'a/new'), ' and more');
fs.writeFileSync(join(directory, 'a/b/gone'), 'soon');
fs.rmSync(join(directory, 'a/b'), { recursive: true });
fs.writeFileSync(join(directory, 'a/short'), 'too long');
fs.writeFileSync(join(directory, 'a/short'), 'short');
fs.writeFileSync(join(directory, 'a/moved'), 'to another directory');
fs.renameSync(join(directory, 'a/moved'), join(directory, 'moved'));
const synchronous = fs.openSync(
  join(directory, 'synchronous'),
  fs.constants.O_CREAT | fs.constants.O_WRONLY | fs.constants.O_DSYNC,
);
fs.writeSync(synchronous, 'on disk at once');
fs.closeSync(synchronous);
const self = fs.openSync(join(directory, 'a'), 'r');
fs.fsyncSync(self);
fs.closeSync(self);

const store = open({ path: join(directory, 'state'), noSync: true, overlappingSync: false, mapSize: 1 << 26 });
const table = store.openDB<Uint8Array, Uint8Array>({ name: 'table', encoding: 'binary', keyEncoding: 'binary' });
for (let i = 0; i < 50; i++) {
  store.transactionSync(() => {
    for (let j = 0; j < 20; j++) table.putSync(Buffer.from(`key ${(i * 7919 + j * 104_729) % 300}`), Buffer.alloc(200, i));
  });
}
await store.close();
