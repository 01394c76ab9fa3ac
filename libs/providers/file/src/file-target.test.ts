import { describe, expect, test } from '@jest/globals';

import { fileDefinition, fileTargetOf } from './file-target.ts';

describe('where a mirror to files writes', () => {
  test('comes back from the definition that it was put in', () => {
    const definition = fileDefinition('/srv//envs/./a/', 'json');
    expect(definition).toMatchObject({ provider: 'file', targetKey: 'file/srv/envs/a', layout: 'blob' });
    expect(fileTargetOf(definition)).toEqual({ directory: '/srv/envs/a', format: 'json' });
  });

  test('is dotenv unless said otherwise', () => {
    expect(fileTargetOf({ options: [{ key: 'directory', value: '/srv' }], layout: 'blob' }).format).toBe('dotenv');
  });

  test.each([
    ['no directory', [], 'blob', 'directory'],
    ['a relative directory', [{ key: 'directory', value: 'envs' }], 'blob', 'not absolute'],
    ['the root', [{ key: 'directory', value: '/srv/..' }], 'blob', 'root'],
    ['a zero byte', [{ key: 'directory', value: '/srv\0' }], 'blob', 'zero byte'],
    [
      'an unknown format',
      [
        { key: 'directory', value: '/srv' },
        { key: 'format', value: 'yaml' },
      ],
      'blob',
      'yaml',
    ],
    ['an unknown option', [{ key: 'mode', value: '0644' }], 'blob', 'no option mode'],
    ['a layout that files have not', [{ key: 'directory', value: '/srv' }], 'per-variable', 'blob'],
  ] as const)('%s is refused', (_why, options, layout, words) => {
    expect(() => fileTargetOf({ options, layout })).toThrow(words);
  });
});
