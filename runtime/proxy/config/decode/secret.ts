import {
  SubjectAltNameMatcher_SanType as SanType, type CertificateValidationContext, type Secret, type TlsCertificate, type TlsSessionTicketKeys,
} from '../../../xds';
import { certificateProblem, trustProblem } from '../../tls/context';
import type { Problems } from '../problems';
import { show } from '../problems';
import type { NameMatchConfig, NameType, SecretConfig, TlsCertificateConfig, ValidationConfig } from '../tls-types';
import { dataSource, textSource } from './data-source';
import { stringMatch } from './match';

const NAME_TYPE: Partial<Record<SanType, NameType>> = { [SanType.URI]: 'uri', [SanType.DNS]: 'dns', [SanType.IP_ADDRESS]: 'ip', [SanType.EMAIL]: 'email' };
/** Bytes of a ticket key at least; Envoy's are 80. */
const TICKET_KEY = 32;

export function secret(message: Secret, problems: Problems): SecretConfig | undefined {
  const { name: own, type } = message;
  if (own === '') problems.add('name', 'is required');
  switch (type.case) {
    case 'tlsCertificate': {
      const value = certificate(type.value, 'tls_certificate', problems);
      return value && { kind: 'certificate', name: own, certificate: value };
    }
    case 'validationContext':
      return { kind: 'validation', name: own, validation: validation(type.value, 'validation_context', problems) };
    case 'sessionTicketKeys':
      return { kind: 'ticket_keys', name: own, keys: ticketKeys(type.value, 'session_ticket_keys', problems) };
    default:
      problems.add('', 'needs one of tls_certificate, validation_context, session_ticket_keys');
      return undefined;
  }
}

export function certificate(message: TlsCertificate, path: string, problems: Problems): TlsCertificateConfig | undefined {
  const chain = textSource(message.certificateChain, `${path}.certificate_chain`, problems);
  const key = textSource(message.privateKey, `${path}.private_key`, problems);
  if (chain === '' || key === '') return undefined;
  const problem = certificateProblem({ chain, key });
  if (problem !== undefined) problems.add('', `${path}.${problem}`);
  return { chain, key };
}

export function validation(message: CertificateValidationContext, path: string, problems: Problems): ValidationConfig {
  const trustedCa = message.trustedCa === undefined ? '' : textSource(message.trustedCa, `${path}.trusted_ca`, problems);
  const crl = message.crl && textSource(message.crl, `${path}.crl`, problems);
  const problem = trustProblem(trustedCa, crl);
  if (problem !== undefined) problems.add('', `${path}.${problem}`);
  return {
    trustedCa,
    ...message.systemRootCerts !== undefined && { systemRoots: true },
    crl,
    names: [
      ...message.matchTypedSubjectAltNames.map((matcher, index): NameMatchConfig =>
        name(NAME_TYPE[matcher.sanType] ?? 'any', matcher.matcher, `${path}.match_typed_subject_alt_names[${index}].matcher`, problems)),
      ...message.matchSubjectAltNames.map((matcher, index) => name('any', matcher, `${path}.match_subject_alt_names[${index}]`, problems)),
    ],
    fingerprints: message.verifyCertificateHash.map((hash, index) => {
      const hex = hash.replaceAll(':', '').toLowerCase();
      if (!/^[0-9a-f]{64}$/.test(hex)) problems.add(`${path}.verify_certificate_hash[${index}]`, `${show(hash)} must be the SHA-256 of a certificate, in hexadecimal`);
      return hex;
    }),
  };
}

function name(type: NameMatchConfig['type'], matcher: Parameters<typeof stringMatch>[0] | undefined, path: string, problems: Problems): NameMatchConfig {
  const match = matcher && stringMatch(matcher, path, problems);
  if (!match || match.kind === 'present' || match.kind === 'range') {
    if (!matcher) problems.add(path, 'is required');
    return { type, match: { kind: 'exact', value: '', ignoreCase: false } };
  }
  return { type, match };
}

export function ticketKeys(message: TlsSessionTicketKeys, path: string, problems: Problems): readonly Uint8Array[] {
  if (message.keys.length === 0) problems.add(`${path}.keys`, 'is required');
  return message.keys.flatMap((source, index) => {
    const key = dataSource(source, `${path}.keys[${index}]`, problems);
    if (key !== undefined && key.length < TICKET_KEY) problems.add(`${path}.keys[${index}]`, `${key.length} bytes must be at least ${TICKET_KEY}`);
    return key === undefined ? [] : [new Uint8Array(key)];
  });
}
