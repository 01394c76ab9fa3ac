import { type Hello, type HelloAnswer, helloRefusedCodes } from '@env-cli/replica';
import { ByteReader, ByteWriter, MalformedBytes } from '@env-cli/support';

import { readFlag } from './peer-message.ts';
import { readStanding, writeStanding } from './standing-bytes.ts';

const magic = 'envcli peer';
const format = 3;
const idBytes = 16;

export function encodeHello(hello: Hello): Uint8Array {
  return writeHello(new ByteWriter().text(magic).u16(format), hello).take();
}

/** Throws {@link MalformedBytes} on anything that is not a hello of a format that is known. */
export function decodeHello(bytes: Uint8Array): Hello {
  const reader = new ByteReader(bytes);
  if (reader.text() !== magic) throw new MalformedBytes('it is not the hello of a member');
  const found = reader.u16();
  if (found !== format) throw new MalformedBytes(`a hello of format ${found}, and this program reads ${format}`);
  const hello = readHello(reader);
  reader.end();
  return hello;
}

export function encodeHelloAnswer(answer: HelloAnswer): Uint8Array {
  const writer = new ByteWriter().text(magic).u16(format);
  if ('refusal' in answer) {
    return writer.u8(0).u8(helloRefusedCodes.indexOf(answer.refusal.code)).text(answer.refusal.message).take();
  }
  return writeHello(writer.u8(1), answer.welcome.hello).bytes(answer.welcome.founding).take();
}

/** Throws {@link MalformedBytes}. */
export function decodeHelloAnswer(bytes: Uint8Array): HelloAnswer {
  const reader = new ByteReader(bytes);
  if (reader.text() !== magic) throw new MalformedBytes('it is not the answer of a member');
  const found = reader.u16();
  if (found !== format) throw new MalformedBytes(`an answer of format ${found}, and this program reads ${format}`);
  const answer = readFlag(reader) ? readWelcome(reader) : readRefusal(reader);
  reader.end();
  return answer;
}

function readWelcome(reader: ByteReader): HelloAnswer {
  return { welcome: { hello: readHello(reader), founding: reader.bytes().slice() } };
}

function readRefusal(reader: ByteReader): HelloAnswer {
  const code = helloRefusedCodes[reader.u8()];
  if (code === undefined) throw new MalformedBytes('a refusal with an unknown code');
  return { refusal: { code, message: reader.text() } };
}

function writeHello(writer: ByteWriter, hello: Hello): ByteWriter {
  const { formingId, clusterId, memberId, diskId, toMemberId, protocolMin, protocolMax, featureLevel, apiAddress } = hello;
  writeIdIfAny(writer.raw(formingId), clusterId).u32OrU64(hello.epoch).u32(memberId).raw(diskId).u32(toMemberId);
  writer.u16(protocolMin).u16(protocolMax).u32(featureLevel).text(apiAddress);
  return writeStanding(writeIdIfAny(writer, hello.founderDiskId).u32(hello.startNonce), hello.found);
}

function readHello(reader: ByteReader): Hello {
  return {
    formingId: reader.raw(idBytes).slice(),
    clusterId: readIdIfAny(reader),
    epoch: reader.u32OrU64(),
    memberId: reader.u32(),
    diskId: reader.raw(idBytes).slice(),
    toMemberId: reader.u32(),
    protocolMin: reader.u16(),
    protocolMax: reader.u16(),
    featureLevel: reader.u32(),
    apiAddress: reader.text(),
    founderDiskId: readIdIfAny(reader),
    startNonce: reader.u32(),
    found: readStanding(reader),
  };
}

function writeIdIfAny(writer: ByteWriter, id: Uint8Array | null): ByteWriter {
  return id === null ? writer.u8(0) : writer.u8(1).raw(id);
}

function readIdIfAny(reader: ByteReader): Uint8Array | null {
  return readFlag(reader) ? reader.raw(idBytes).slice() : null;
}
