/**
 * What AWS refuses, asked before a call is made: the reason names the rule and what to do, and reaches the status of the variable.
 * Rules: Parameter Store, API reference of PutParameter; Secrets Manager, API reference of CreateSecret.
 */
import type { AwsTarget } from './aws-target.ts';

/** Bytes of a value in the standard tier, and in the advanced one. */
export const standardBytesMax = 4_096;
export const advancedBytesMax = 8_192;
/** Bytes of a secret's value. */
export const secretBytesMax = 65_536;

const ssmLevelsMax = 15;
/** Characters of a parameter's whole ARN. */
const ssmArnCharactersMax = 1_011;
const secretNameCharactersMax = 512;

/** Why a name cannot be a parameter's; null: it can. */
export function ssmNameProblem(name: string, { account, region }: Pick<AwsTarget, 'account' | 'region'>): string | null {
  if (!/^\/[A-Za-z0-9_./-]*[A-Za-z0-9_.-]$/.test(name) || name.includes('//')) {
    return `${name} is no name of a parameter: those are letters, digits and _.- in levels divided by /`;
  }
  if (/^\/?(aws|ssm)/i.test(name)) return `${name} cannot be used: AWS keeps names that begin with aws or ssm`;
  const levels = name.split('/').length - 1;
  if (levels > ssmLevelsMax) {
    return `its name has ${levels} levels, and Parameter Store takes ${ssmLevelsMax}: shorten the environment's name or the prefix`;
  }
  const characters = `arn:aws-us-gov:ssm:${region}:${account}:parameter${name}`.length;
  if (characters <= ssmArnCharactersMax) return null;
  return `its name is ${characters - ssmArnCharactersMax} characters too long for Parameter Store: shorten the environment's name or the prefix`;
}

/** Why a text cannot be a parameter's value; null: it can. `tier` is what the mirror may use. */
export function ssmValueProblem(bytes: Uint8Array, tier: string): string | null {
  if (bytes.length === 0) return emptyProblem('Parameter Store');
  const max = tier === 'standard' ? standardBytesMax : advancedBytesMax;
  if (bytes.length > max) {
    const what = tier === 'standard' ? 'a parameter of the standard tier' : 'a parameter';
    const next =
      tier === 'standard' && bytes.length <= advancedBytesMax
        ? 'let the mirror use tier auto'
        : 'mirror it to aws-secrets-manager';
    return `${bytes.length} bytes are more than the ${max} that ${what} holds: ${next}`;
  }
  if (/\{\{[\s\S]*\}\}/.test(new TextDecoder().decode(bytes))) {
    return 'Parameter Store takes no value with {{ }} in it: use the layout blob, or mirror it to aws-secrets-manager';
  }
  return null;
}

/** Why a name cannot be a secret's; null: it can. */
export function secretNameProblem(name: string): string | null {
  if (!/^[A-Za-z0-9/_+=.@-]+$/.test(name)) return `${name} is no name of a secret: those are letters, digits and /_+=.@-`;
  if (name.length > secretNameCharactersMax) {
    const over = name.length - secretNameCharactersMax;
    return `its name is ${over} characters too long for Secrets Manager: shorten the environment's name or the prefix`;
  }
  if (!/-[A-Za-z0-9]{6}$/.test(name)) return null;
  return `${name} ends in a hyphen and six characters, as the ARNs of secrets do, so that AWS may take it for another: let the name template end otherwise, as in {environment}/all`;
}

/** Why a text cannot be a secret's value; null: it can. */
export function secretValueProblem(bytes: Uint8Array): string | null {
  if (bytes.length === 0) return emptyProblem('Secrets Manager');
  if (bytes.length <= secretBytesMax) return null;
  return `${bytes.length} bytes are more than the ${secretBytesMax} that a secret holds: split it`;
}

function emptyProblem(store: string): string {
  return `${store} takes no empty value: let the mirror skip or replace empty values, or use the layout blob`;
}
