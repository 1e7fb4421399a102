import { accepted, acceptedWith, each, ignored, only, type RuleTable } from './rule';

const TLS = 'envoy.extensions.transport_sockets.tls.v3';

export const tlsRules: RuleTable = {
  [`${TLS}.DownstreamTlsContext`]: {
    common_tls_context: acceptedWith('with a certificate'),
    require_client_certificate: acceptedWith('with a validation context: any certificate at all is nobody\'s'),
    require_sni: accepted,
    session_ticket_keys: acceptedWith('tickets of the first are taken; the others are for a change of keys, which costs each client a full handshake'),
    session_ticket_keys_sds_secret_config: acceptedWith('as session_ticket_keys'),
    disable_stateless_session_resumption: accepted,
    disable_stateful_session_resumption: ignored('sessions are resumed by tickets only'),
    session_timeout: acceptedWith('1 hour by default'),
    ocsp_staple_policy: only(['LENIENT_STAPLING'], 'no OCSP response is stapled'),
    full_scan_certs_on_sni_mismatch: only([false], 'the first certificate is used'),
  },
  [`${TLS}.UpstreamTlsContext`]: {
    common_tls_context: acceptedWith('with a validation context: without one anybody could answer'),
    sni: accepted,
    allow_renegotiation: only([false]),
    max_session_keys: acceptedWith('0 switches resumption off; one session is kept for each endpoint'),
    enforce_rsa_key_usage: ignored('OpenSSL has its own rule of key usage'),
    auto_host_sni: only([false], 'write sni'),
    auto_sni_san_validation: acceptedWith('with sni'),
  },
  [`${TLS}.CommonTlsContext`]: {
    tls_params: accepted,
    tls_certificates: accepted,
    tls_certificate_sds_secret_configs: accepted,
    validation_context: accepted,
    validation_context_sds_secret_config: accepted,
    combined_validation_context: accepted,
    alpn_protocols: accepted,
  },
  [`${TLS}.CommonTlsContext.CombinedCertificateValidationContext`]: {
    default_validation_context: accepted, validation_context_sds_secret_config: accepted,
  },
  [`${TLS}.TlsParameters`]: {
    tls_minimum_protocol_version: only(['TLS_AUTO', 'TLSv1_2', 'TLSv1_3'], 'RFC 8996 has done away with the older ones; TLS 1.2 by default'),
    tls_maximum_protocol_version: only(['TLS_AUTO', 'TLSv1_2', 'TLSv1_3'], 'TLS 1.3 by default'),
    cipher_suites: acceptedWith('OpenSSL names of TLS 1.2 suites; `[a|b]` groups are taken as a list'),
    ecdh_curves: acceptedWith('X25519, P-256, P-384, P-521'),
  },
  [`${TLS}.TlsCertificate`]: { certificate_chain: acceptedWith('PEM'), private_key: acceptedWith('PEM, without a password') },
  [`${TLS}.TlsSessionTicketKeys`]: { keys: acceptedWith('at least 32 bytes each') },
  [`${TLS}.CertificateValidationContext`]: {
    trusted_ca: acceptedWith('PEM'),
    system_root_certs: acceptedWith('the public authorities that come with the runtime, where there is no trusted_ca; Envoy does not know it'),
    match_typed_subject_alt_names: accepted,
    match_subject_alt_names: acceptedWith('older form of match_typed_subject_alt_names; names of every type'),
    verify_certificate_hash: acceptedWith('SHA-256'),
    crl: acceptedWith('PEM; a list of every authority of a chain'),
    trust_chain_verification: only(['VERIFY_TRUST_CHAIN']),
    ...each(['allow_expired_certificate', 'only_verify_leaf_cert_crl'], only([false])),
  },
  [`${TLS}.CertificateValidationContext.SystemRootCerts`]: {},
  [`${TLS}.SubjectAltNameMatcher`]: { san_type: only(['EMAIL', 'DNS', 'URI', 'IP_ADDRESS']), matcher: accepted },
  [`${TLS}.Secret`]: {
    name: acceptedWith('required'), ...each(['tls_certificate', 'validation_context', 'session_ticket_keys'], accepted),
  },
  [`${TLS}.SdsSecretConfig`]: { name: acceptedWith('required'), sds_config: acceptedWith('`ads: {}`; absent: a secret of the bootstrap') },
};
