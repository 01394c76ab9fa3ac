import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';

import { masterKeyCommand, masterKeyFile } from './master-key.ts';

const folder = mkdtempSync(join(tmpdir(), 'env-cli-keys-'));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
function file(content: string | Buffer, mode = 0o600): string {
  const path = join(folder, `file-${count++}`);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

const program = (body: string): string => file(`#!${process.execPath}\n${body}\n`, 0o700);
const base64 = (): string => randomBytes(32).toString('base64');

describe('a master key file', () => {
  test.each([
    ['32 bytes as they are', randomBytes(32), 1],
    ['one line', `${base64()}\n`, 1],
    ['a line without its end', base64(), 1],
    ['two keys, a comment and an empty line', `# of 2026\n${base64()}\n\n${base64()}\n`, 2],
  ])('may hold %s', (_what, content, keys) => {
    expect(masterKeyFile(file(content)).keys()).toHaveLength(keys);
  });

  test('is read anew each time, and its last key is the newest', async () => {
    const path = file(`${base64()}\n`);
    const source = masterKeyFile(path);
    const [old] = source.keys();
    writeFileSync(path, `${base64()}\n`, { flag: 'a' });
    const now = source.keys();
    expect(now.map(({ name }) => Buffer.from(name).equals(old!.name))).toEqual([true, false]);
    const wrapped = await now[0]!.wrap('x', randomBytes(32));
    expect(await old!.unwrap('x', wrapped)).not.toBeNull();
    expect(await now[1]!.unwrap('x', wrapped)).toBeNull();
  });

  const refused: readonly (readonly [string, () => string, RegExp])[] = [
    ['is not there', () => join(folder, 'none'), /is not there.*head -c 32/],
    ['is open to the group', () => file(base64(), 0o640), /open to others \(mode 0640\).*chmod 0600/],
    ['is open to all', () => file(base64(), 0o604), /open to others \(mode 0604\)/],
    ['is empty', () => file(''), /holds no key/],
    ['holds 31 bytes', () => file(randomBytes(31).toString('base64')), /holds no key/],
    ['holds hexadecimal digits', () => file(randomBytes(32).toString('hex')), /holds no key/],
    ['holds too many keys', () => file(Array.from({ length: 9 }, base64).join('\n')), /1 to 8 lines/],
    ['is a folder', () => (mkdirSync(join(folder, 'dir'), { mode: 0o700 }), join(folder, 'dir')), /is no file/],
  ];
  test.each(refused)('that %s is refused, and nothing of it is said', (_why, make, words) => {
    const path = make();
    expect(() => masterKeyFile(path).keys()).toThrow(
      expect.objectContaining({ name: 'MasterKeyProblem', message: expect.stringMatching(words) }),
    );
  });
});

describe('a master key command', () => {
  /** Turns each byte over, as a key service would encrypt it: wrap and unwrap are the same. */
  const turning = `const c=[];process.stdin.on('data',d=>c.push(d)).on('end',()=>{const b=Buffer.from(Buffer.concat(c).toString(),'base64');console.log(b.map(x=>x^255).toString('base64'))})`;

  test('gets a key on its standard input and answers on its standard output; arguments say only what to do', async () => {
    const seen = join(folder, 'seen');
    const [key] = masterKeyCommand(
      program(`require('fs').appendFileSync(${JSON.stringify(seen)},process.argv.slice(2).join(' ')+'\\n');${turning}`),
    ).keys();
    const inner = randomBytes(32);
    const wrapped = await key!.wrap('x', inner);
    expect(await key!.unwrap('x', wrapped)).toEqual(inner);
    expect(readFileSync(seen, 'utf8')).toBe('wrap\nunwrap\n');
  });

  test.each([
    ['ends with 3', `process.stdout.write('QUJD');process.exitCode=3`, /ended with 3.*Run it by hand/],
    ['answers what is no base64', `console.log('no key here!')`, /did not answer in base64/],
    ['answers nothing', '', /did not answer in base64/],
    ['does not stop answering', `setInterval(()=>process.stdout.write('A'.repeat(9999)),1)`, /said more than/],
  ])('that %s is refused by its name', async (_why, body, words) => {
    const [key] = masterKeyCommand(program(body)).keys();
    await expect(key!.wrap('x', randomBytes(32))).rejects.toThrow(words);
  });

  test('that is ended is not waited for by what it has started', async () => {
    const pid = join(folder, 'pid');
    const sleeper = `const c=require('child_process').spawn(process.execPath,['-e','setTimeout(()=>{},60000)'],{stdio:['ignore','inherit','ignore']});`;
    const body = `${sleeper}require('fs').writeFileSync(${JSON.stringify(pid)},String(c.pid));setInterval(()=>process.stdout.write('A'.repeat(9999)),1)`;
    const [key] = masterKeyCommand(program(body)).keys();
    try {
      await expect(key!.wrap('x', randomBytes(32))).rejects.toThrow(/said more than/);
    } finally {
      process.kill(Number(readFileSync(pid, 'utf8')), 'SIGKILL');
    }
  });

  test('that is not there is refused by its name', async () => {
    const [key] = masterKeyCommand(join(folder, 'nothing')).keys();
    await expect(key!.unwrap('x', randomBytes(32))).rejects.toThrow(/cannot be started \(ENOENT\)/);
  });
});
