//! The chains: one row each, as few exceptions from a common form as they need.

use bare_ws_embassy::tls::{CertificateDer, CertificateError, Date, MAX_INTERMEDIATES};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    KeyPair, KeyUsagePurpose, NameConstraints, SanType,
};

use super::tls_pki::{
    NOW, Node, authority, children, distinguished, extension, named, sequence, server, spoiled,
    tlv, valid,
};
use super::{Case, HOST, Verdict};

const SECONDS_OF_2026: u64 = 1_767_225_600;
const SECONDS_OF_2027: u64 = 1_798_761_600;

/// A table under construction: its defaults are what most chains share.
struct Table(Vec<Case>);

impl Table {
    fn add(
        &mut self,
        label: &'static str,
        name: &'static str,
        anchors: &[&Node],
        chain: &[&Node],
        expected: Verdict,
    ) -> &mut Case {
        self.raw(
            label,
            name,
            anchors.iter().map(|node| node.der.clone()).collect(),
            chain.iter().map(|node| node.der.clone()).collect(),
            expected,
        )
    }

    fn raw(
        &mut self,
        label: &'static str,
        name: &'static str,
        anchors: Vec<CertificateDer<'static>>,
        chain: Vec<CertificateDer<'static>>,
        expected: Verdict,
    ) -> &mut Case {
        self.0.push(Case {
            label,
            name,
            now: NOW,
            anchors,
            chain,
            expected,
            rustls_accepts: None,
        });
        self.0.last_mut().unwrap()
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut table = Table(Vec::new());
    names(&mut table);
    authorities(&mut table);
    paths(&mut table);
    usages(&mut table);
    times(&mut table);
    constraints(&mut table);
    signatures(&mut table);
    encodings(&mut table);
    table.0
}

/// RFC 6125: who the certificate is for.
fn names(table: &mut Table) {
    use CertificateError::WrongName;
    let root = Node::root("root");
    let sans: &[(&'static str, &'static str, &[&str], Verdict)] = &[
        ("its dNSName", HOST, &[HOST], Ok(())),
        ("another name", HOST, &["other.example.test"], Err(WrongName)),
        ("the fifth of its names", HOST, &["a.test", "b.test", "c.test", "d.test", HOST], Ok(())),
        ("letter case", HOST, &["HOST.Example.TEST"], Ok(())),
        ("a name it ends with", HOST, &["example.test"], Err(WrongName)),
        ("a name it begins", "example.test", &[HOST], Err(WrongName)),
        ("a wildcard", HOST, &["*.example.test"], Ok(())),
        ("a wildcard for its own domain", "example.test", &["*.example.test"], Err(WrongName)),
        ("a wildcard over two labels", HOST, &["*.test"], Err(WrongName)),
        ("a wildcard in the second label", HOST, &["host.*.test"], Err(WrongName)),
        ("a wildcard within a label", HOST, &["h*.example.test"], Err(WrongName)),
        ("a wildcard alone", "test", &["*"], Err(WrongName)),
        ("a wildcard of two labels", HOST, &["*.*.test"], Err(WrongName)),
        ("its iPAddress", "127.0.0.1", &["127.0.0.1"], Ok(())),
        ("another address", "127.0.0.1", &["127.0.0.2"], Err(WrongName)),
        ("its IPv6 address", "::1", &["::1"], Ok(())),
        ("its IPv6 address, written otherwise", "0:0:0::0:1", &["::1"], Ok(())),
        ("an IPv4 address mapped", "::ffff:127.0.0.1", &["127.0.0.1"], Err(WrongName)),
        ("an address among names", "10.0.2.2", &[HOST, "10.0.2.2"], Ok(())),
        ("an address, and only names", "127.0.0.1", &[HOST], Err(WrongName)),
        ("a name, and only addresses", HOST, &["127.0.0.1"], Err(WrongName)),
    ];
    for &(label, name, sans, expected) in sans {
        let leaf = root.issue(server(sans));
        table.add(label, name, &[&root], &[&leaf], expected);
    }

    let mut common = server(&[]);
    common.distinguished_name = distinguished(HOST);
    table.add("a CN alone", HOST, &[&root], &[&root.issue(common.clone())], Err(WrongName));
    common.subject_alt_names = vec![SanType::DnsName("other.test".try_into().unwrap())];
    table.add("a CN beside a dNSName", HOST, &[&root], &[&root.issue(common)], Err(WrongName));
    let mut address = server(&[]);
    address.distinguished_name = distinguished("127.0.0.1");
    table.add("an address in the CN", "127.0.0.1", &[&root], &[&root.issue(address)], Err(WrongName));

    let other = |label, name, san, table: &mut Table| {
        let mut params = server(&[]);
        params.subject_alt_names = vec![san];
        table.add(label, name, &[&root], &[&root.issue(params)], Err(WrongName));
    };
    other("an address as a dNSName", "127.0.0.1", SanType::DnsName("127.0.0.1".try_into().unwrap()), table);
    other("its name as an rfc822Name", HOST, SanType::Rfc822Name("host.example.test".try_into().unwrap()), table);
    other("its name as a URI", HOST, SanType::URI("https://host.example.test".try_into().unwrap()), table);
    other("a dNSName with a NUL", HOST, SanType::DnsName("host.example.test\0.evil.test".try_into().unwrap()), table);

    // 17 octets of iPAddress are neither of the two kinds.
    let mut odd = server(&[]);
    let mut content = rcgen::CustomExtension::from_oid_content(
        &[2, 5, 29, 17],
        sequence(&[&tlv(0x87, &[1; 17])]),
    );
    content.set_criticality(false);
    odd.custom_extensions.push(content);
    table.add("an iPAddress of 17 octets", "::1", &[&root], &[&root.issue(odd)], Err(WrongName));
}

/// RFC 5280 §4.2.1.9: who may issue.
fn authorities(table: &mut Table) {
    use CertificateError::{CaAsServer, IssuerNotCa, PathLength, UnknownIssuer};
    let root = Node::root("root");
    let leaf = |issuer: &Node| issuer.issue(server(&[HOST]));
    let limited = |name: &str, length| {
        let mut params = authority(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(length));
        params
    };

    let forger = root.issue(server(&["other.test"]));
    table.add("an ordinary leaf as issuer", HOST, &[&root], &[&leaf(&forger), &forger], Err(IssuerNotCa));
    let mut explicit = named("intermediate");
    explicit.is_ca = IsCa::ExplicitNoCa;
    let explicit = root.issue(explicit);
    table.add("CA:FALSE as issuer", HOST, &[&root], &[&leaf(&explicit), &explicit], Err(IssuerNotCa));
    let bare = root.issue(named("intermediate"));
    table.add("an issuer without basicConstraints", HOST, &[&root], &[&leaf(&bare), &bare], Err(IssuerNotCa));
    let below = root.issue(authority("intermediate"));
    let forger = below.issue(server(&["other.test"]));
    table.add(
        "an ordinary leaf below an intermediate as issuer",
        HOST,
        &[&root],
        &[&leaf(&forger), &forger, &below],
        Err(IssuerNotCa),
    );

    let mut as_server = server(&[HOST]);
    as_server.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let as_server = root.issue(as_server);
    table.add("an authority as server", HOST, &[&root], &[&as_server], Err(CaAsServer));

    let zero = root.issue(limited("zero", 0));
    table.add("pathLen 0 above a leaf", HOST, &[&root], &[&leaf(&zero), &zero], Ok(()));
    let under_zero = zero.issue(authority("under zero"));
    table.add("pathLen 0 above an authority", HOST, &[&root], &[&leaf(&under_zero), &under_zero, &zero], Err(PathLength));
    let one = root.issue(limited("one", 1));
    let under_one = one.issue(authority("under one"));
    table.add("pathLen 1 above an authority", HOST, &[&root], &[&leaf(&under_one), &under_one, &one], Ok(()));
    let two_under_one = under_one.issue(authority("two under one"));
    table.add(
        "pathLen 1 above two authorities",
        HOST,
        &[&root],
        &[&leaf(&two_under_one), &two_under_one, &under_one, &one],
        Err(PathLength),
    );

    let alone = Node::self_signed(server(&[HOST]));
    table.add("a stranger's self-signed leaf", HOST, &[&root], &[&alone], Err(UnknownIssuer));
    let alone = Node::root("self");
    table.add("a stranger's self-signed authority", HOST, &[&root], &[&alone], Err(CaAsServer));
    let mut authority_for_host = server(&[HOST]);
    authority_for_host.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let anchor = Node::self_signed(authority_for_host);
    table.add("an anchor as server", HOST, &[&anchor], &[&anchor], Err(CaAsServer));
}

/// RFC 4158: finding the way to an anchor.
fn paths(table: &mut Table) {
    use CertificateError::{CaAsServer, TooMany, UnknownIssuer};
    let (root, other_root) = (Node::root("root"), Node::root("other root"));
    let first = root.issue(authority("first"));
    let second = first.issue(authority("second"));
    let third = second.issue(authority("third"));
    let leaf = third.issue(server(&[HOST]));
    let stranger = other_root.issue(authority("stranger"));

    table.add("three intermediates", HOST, &[&root], &[&leaf, &third, &second, &first], Ok(()));
    table.add("intermediates in reverse", HOST, &[&root], &[&leaf, &first, &second, &third], Ok(()));
    table.add("an intermediate too many", HOST, &[&root], &[&leaf, &third, &stranger, &second, &first], Ok(()));
    table.add("the root sent too", HOST, &[&root], &[&leaf, &third, &second, &first, &root], Ok(()));
    table.add("no intermediate", HOST, &[&root], &[&leaf], Err(UnknownIssuer));
    table.add("one missing", HOST, &[&root], &[&leaf, &third, &first], Err(UnknownIssuer));
    table.add("the leaf not first", HOST, &[&root], &[&third, &leaf, &second, &first], Err(CaAsServer));
    table.add("another anchor", HOST, &[&other_root], &[&leaf, &third, &second, &first], Err(UnknownIssuer));
    table.add("the second of two anchors", HOST, &[&other_root, &root], &[&leaf, &third, &second, &first], Ok(()));
    table.add("an intermediate as anchor", HOST, &[&second], &[&leaf, &third], Ok(()));
    table.add("a leaf as its own anchor", HOST, &[&leaf], &[&leaf], Err(UnknownIssuer));
    let case = table.add(
        "more intermediates than a board looks at",
        HOST,
        &[&root],
        &[&leaf, &third, &second, &first, &stranger, &stranger],
        Err(TooMany),
    );
    assert_eq!(case.chain.len(), MAX_INTERMEDIATES + 2);
    case.rustls_accepts = Some("it has no such limit");

    // One authority certified by two roots, of which one is trusted.
    let crossed = other_root.issue(authority("crossed"));
    let key = KeyPair::try_from(crossed.key.serialize_der()).unwrap();
    let again = root.issue_for(authority("crossed"), key);
    let leaf = crossed.issue(server(&[HOST]));
    table.add("cross-signed, the untrusted first", HOST, &[&root], &[&leaf, &crossed, &again], Ok(()));
    table.add("cross-signed, the trusted first", HOST, &[&root], &[&leaf, &again, &crossed], Ok(()));

    // One authority certified twice by one root, once it has expired.
    let mut expired = authority("crossed");
    valid(&mut expired, 2020, 2021);
    let key = KeyPair::try_from(crossed.key.serialize_der()).unwrap();
    let expired = root.issue_for(expired, key);
    table.add("an expired twin of an intermediate", HOST, &[&root], &[&leaf, &expired, &again], Ok(()));

    // Two roots of one name.
    let twin = Node::root("root");
    let leaf = root.issue(server(&[HOST]));
    table.add("two anchors of one name", HOST, &[&twin, &root], &[&leaf], Ok(()));
}

/// RFC 5280 §4.2.1.3 and §4.2.1.12: what a key is for.
fn usages(table: &mut Table) {
    use CertificateError::{ExtendedKeyUsage, KeyUsage};
    use ExtendedKeyUsagePurpose as Purpose;
    use KeyUsagePurpose as Usage;
    let root = Node::root("root");
    const NO_KEY_USAGE: &str = "webpki ignores keyUsage";

    let leaves: &[(&'static str, &[Usage], &[Purpose], Verdict)] = &[
        ("neither usage", &[], &[], Ok(())),
        ("clientAuth alone", &[Usage::DigitalSignature], &[Purpose::ClientAuth], Err(ExtendedKeyUsage)),
        ("both purposes", &[Usage::DigitalSignature], &[Purpose::ClientAuth, Purpose::ServerAuth], Ok(())),
        ("codeSigning alone", &[], &[Purpose::CodeSigning], Err(ExtendedKeyUsage)),
        ("anyExtendedKeyUsage alone", &[], &[Purpose::Any], Err(ExtendedKeyUsage)),
        ("keyEncipherment alone", &[Usage::KeyEncipherment], &[Purpose::ServerAuth], Err(KeyUsage)),
        ("keyCertSign for a leaf", &[Usage::KeyCertSign], &[Purpose::ServerAuth], Err(KeyUsage)),
        ("digitalSignature and more", &[Usage::DigitalSignature, Usage::KeyAgreement], &[], Ok(())),
    ];
    for &(label, usages, purposes, expected) in leaves {
        let mut params = server(&[HOST]);
        params.key_usages = usages.to_vec();
        params.extended_key_usages = purposes.to_vec();
        let case = table.add(label, HOST, &[&root], &[&root.issue(params)], expected);
        case.rustls_accepts = (expected == Err(KeyUsage)).then_some(NO_KEY_USAGE);
    }

    let issuers: &[(&'static str, &[Usage], &[Purpose], Verdict)] = &[
        ("an issuer without usages", &[], &[], Ok(())),
        ("an issuer for cRLSign alone", &[Usage::CrlSign], &[], Err(KeyUsage)),
        ("an issuer for digitalSignature alone", &[Usage::DigitalSignature], &[], Err(KeyUsage)),
        ("an issuer for serverAuth", &[Usage::KeyCertSign], &[Purpose::ServerAuth], Ok(())),
        ("an issuer for clientAuth", &[Usage::KeyCertSign], &[Purpose::ClientAuth], Err(ExtendedKeyUsage)),
    ];
    for &(label, usages, purposes, expected) in issuers {
        let mut params = authority("intermediate");
        params.key_usages = usages.to_vec();
        params.extended_key_usages = purposes.to_vec();
        let issuer = root.issue(params);
        let leaf = issuer.issue(server(&[HOST]));
        let case = table.add(label, HOST, &[&root], &[&leaf, &issuer], expected);
        case.rustls_accepts = (expected == Err(KeyUsage)).then_some(NO_KEY_USAGE);
        // The same above another issuer, where what it may do counts as much.
        let below = issuer.issue(authority("below"));
        let leaf = below.issue(server(&[HOST]));
        let case = table.add(label, HOST, &[&root], &[&leaf, &below, &issuer], expected);
        case.rustls_accepts = (expected == Err(KeyUsage)).then_some(NO_KEY_USAGE);
    }
}

/// RFC 5280 §4.1.2.5: when.
fn times(table: &mut Table) {
    use CertificateError::Validity;
    let date = Date::from_unix_seconds;
    let expired = |not_after, at| {
        let (not_after, at) = (date(not_after), date(at));
        Err(CertificateError::Expired { not_after, at })
    };
    let early = |not_before, at| {
        let (not_before, at) = (date(not_before), date(at));
        Err(CertificateError::NotYetValid { not_before, at })
    };
    let root = Node::root("root");
    let leaf = root.issue(server(&[HOST])); // 2026
    let moments = [
        ("at its begin", SECONDS_OF_2026, Ok(())),
        ("a second before its begin", SECONDS_OF_2026 - 1, early(SECONDS_OF_2026, SECONDS_OF_2026 - 1)),
        ("at its end", SECONDS_OF_2027, Ok(())),
        ("a second after its end", SECONDS_OF_2027 + 1, expired(SECONDS_OF_2027, SECONDS_OF_2027 + 1)),
        ("in 1970", 0, early(SECONDS_OF_2026, 0)),
        ("in 2100", 4_102_444_800, expired(SECONDS_OF_2027, 4_102_444_800)),
    ];
    for (label, now, expected) in moments {
        table.add(label, HOST, &[&root], &[&leaf], expected).now = now;
    }

    let spans = [
        ("an expired intermediate", 2020, 2025, expired(1_735_689_600, NOW)),
        ("an intermediate of next year", 2028, 2040, early(1_830_297_600, NOW)),
    ];
    for (label, from, to, expected) in spans {
        let mut params = authority("intermediate");
        valid(&mut params, from, to);
        let intermediate = root.issue(params);
        let leaf = intermediate.issue(server(&[HOST]));
        table.add(label, HOST, &[&root], &[&leaf, &intermediate], expected);
    }
    let mut backwards = server(&[HOST]);
    valid(&mut backwards, 2030, 2020);
    table.add("an end before its begin", HOST, &[&root], &[&root.issue(backwards)], Err(Validity));
    // RFC 5280 §6.1.1 (d): an anchor is a name and a key.
    let mut params = authority("old root");
    valid(&mut params, 1990, 2000);
    let old = Node::self_signed(params);
    let leaf = old.issue(server(&[HOST]));
    table.add("an anchor past its dates", HOST, &[&old], &[&leaf], Ok(()));
    let mut far = server(&[HOST]);
    far.not_after = rcgen::date_time_ymd(9999, 12, 31);
    table.add("GeneralizedTime", HOST, &[&root], &[&root.issue(far)], Ok(()));
}

/// RFC 5280 §4.2.1.10: for whom an issuer may speak.
fn constraints(table: &mut Table) {
    use CertificateError::NameConstraint;
    let dns = |name: &str| GeneralSubtree::DnsName(name.into());
    let net = |a: [u8; 4], prefix| GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix(a, prefix));
    type Subtrees = Vec<GeneralSubtree>;
    let rows: Vec<(&'static str, &'static str, Subtrees, Subtrees, Verdict)> = vec![
        ("a permitted domain", HOST, vec![dns("example.test")], vec![], Ok(())),
        ("a permitted host", HOST, vec![dns(HOST)], vec![], Ok(())),
        ("another permitted domain", HOST, vec![dns("example.org")], vec![], Err(NameConstraint)),
        ("a domain that only ends so", HOST, vec![dns("ple.test")], vec![], Err(NameConstraint)),
        ("one of two permitted", HOST, vec![dns("example.org"), dns("example.test")], vec![], Ok(())),
        ("an excluded domain", HOST, vec![], vec![dns("example.test")], Err(NameConstraint)),
        ("another excluded domain", HOST, vec![], vec![dns("example.org")], Ok(())),
        ("permitted, but excluded", HOST, vec![dns("test")], vec![dns("example.test")], Err(NameConstraint)),
        ("a permitted net", "10.0.2.2", vec![net([10, 0, 0, 0], 8)], vec![], Ok(())),
        ("another permitted net", "10.0.2.2", vec![net([192, 168, 0, 0], 16)], vec![], Err(NameConstraint)),
        ("an excluded net", "10.0.2.2", vec![], vec![net([10, 0, 2, 0], 24)], Err(NameConstraint)),
        ("a name where only a net is named", HOST, vec![net([10, 0, 0, 0], 8)], vec![], Ok(())),
    ];
    for (label, name, permitted_subtrees, excluded_subtrees, expected) in rows {
        let constraints = NameConstraints {
            permitted_subtrees,
            excluded_subtrees,
        };
        let mut params = authority("intermediate");
        params.name_constraints = Some(constraints.clone());
        let root = Node::root("root");
        let intermediate = root.issue(params);
        let leaf = intermediate.issue(server(&[name]));
        table.add(label, name, &[&root], &[&leaf, &intermediate], expected);

        let mut params = authority("root");
        params.name_constraints = Some(constraints);
        let root = Node::self_signed(params);
        let intermediate = root.issue(authority("intermediate"));
        let leaf = intermediate.issue(server(&[name]));
        let case = table.add(label, name, &[&root], &[&leaf, &intermediate], expected);
        assert_eq!(case.chain.len(), 2); // constrained from two above
    }

    // A leaf with a second name that its issuer may not speak for.
    let root = Node::root("root");
    let mut params = authority("intermediate");
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![dns("example.test")],
        excluded_subtrees: vec![],
    });
    let intermediate = root.issue(params);
    let leaf = intermediate.issue(server(&[HOST, "bank.test"]));
    table.add("a second name outside", HOST, &[&root], &[&leaf, &intermediate], Err(NameConstraint));
    let leaf = intermediate.issue(server(&["*.example.test"]));
    table.add("a wildcard inside", HOST, &[&root], &[&leaf, &intermediate], Ok(()));
}

/// Signatures and their algorithms.
fn signatures(table: &mut Table) {
    use CertificateError::{Algorithm, BadSignature};
    let root = Node::root("root");
    let intermediate = root.issue(authority("intermediate"));
    let leaf = intermediate.issue(server(&[HOST]));
    let anchors = || vec![root.der.clone()];

    table.raw(
        "a spoiled signature of the leaf",
        HOST,
        anchors(),
        vec![spoiled(&leaf.der), intermediate.der.clone()],
        Err(BadSignature),
    );
    table.raw(
        "a spoiled signature of an intermediate",
        HOST,
        anchors(),
        vec![leaf.der.clone(), spoiled(&intermediate.der)],
        Err(BadSignature),
    );
    let impostor = Node::root("root");
    let forged = impostor.issue(server(&[HOST]));
    table.add("an impostor of the anchor's name", HOST, &[&root], &[&forged], Err(BadSignature));
    let impostor = Node::root("intermediate");
    let forged = impostor.issue(server(&[HOST]));
    table.add("an impostor of the intermediate's name", HOST, &[&root], &[&forged, &intermediate], Err(BadSignature));

    // Changed after it was signed: another name of the same length.
    let mut octets = leaf.der.to_vec();
    let at = octets
        .windows(4)
        .position(|window| window == b"host")
        .unwrap();
    octets[at..at + 4].copy_from_slice(b"evil");
    table.raw(
        "a name changed after signing",
        "evil.example.test",
        anchors(),
        vec![octets.into(), intermediate.der.clone()],
        Err(BadSignature),
    );

    let p384 = &rcgen::PKCS_ECDSA_P384_SHA384;
    let big_root = Node::self_signed_with(authority("P-384"), p384);
    let big = big_root.issue_with(authority("intermediate of P-384"), p384);
    let leaf = big.issue(server(&[HOST]));
    table.add("P-256 under P-384", HOST, &[&big_root], &[&leaf, &big], Ok(()));
    let leaf = big.issue_with(server(&[HOST]), p384);
    table.add("P-384 throughout", HOST, &[&big_root], &[&leaf, &big], Ok(()));
    let leaf = root.issue_with(server(&[HOST]), p384);
    table.add("P-384 under P-256", HOST, &[&root], &[&leaf], Ok(()));
    table.raw(
        "a spoiled signature by P-384",
        HOST,
        vec![big_root.der.clone()],
        vec![spoiled(&big_root.issue(server(&[HOST])).der)],
        Err(BadSignature),
    );
    // Each curve with the hash of the other: what the signature says it is signed with changes, it does not.
    for (label, issuer, old, new) in [
        ("P-256 with SHA-384, by name only", &root, 2, 3),
        ("P-384 with SHA-256, by name only", &big_root, 3, 2),
    ] {
        let octets = otherwise_signed(&issuer.issue(server(&[HOST])).der, old, new);
        table.raw(label, HOST, vec![issuer.der.clone()], vec![octets.into()], Err(BadSignature));
    }
    let edwards = Node::self_signed_with(authority("Ed25519"), &rcgen::PKCS_ED25519);
    let leaf = edwards.issue(server(&[HOST]));
    table
       .add("signed by Ed25519", HOST, &[&edwards], &[&leaf], Err(Algorithm))
        .rustls_accepts = Some("this build has no Ed25519");
}

/// A certificate that names another ECDSA signature algorithm, in both places, than it is signed with.
fn otherwise_signed(certificate: &[u8], old: u8, new: u8) -> Vec<u8> {
    // RFC 5758 §3.2: 1.2.840.10045.4.3 and one of 2 and 3.
    const ECDSA_WITH: [u8; 9] = [6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3];
    let mut octets = certificate.to_vec();
    let length = ECDSA_WITH.len();
    let mut changed = 0;
    for at in 0..octets.len() - length {
        if octets[at..at + length] == ECDSA_WITH && octets[at + length] == old {
            octets[at + length] = new;
            changed += 1;
        }
    }
    assert_eq!(changed, 2);
    octets
}

/// What is no certificate, or one too strange.
fn encodings(table: &mut Table) {
    use CertificateError::{CriticalExtension, Malformed, Version};
    let root = Node::root("root");
    let leaf = root.issue(server(&[HOST]));
    let anchors = || vec![root.der.clone()];
    let alone = |table: &mut Table, label, octets: Vec<u8>, expected| {
        table.raw(label, HOST, anchors(), vec![octets.into()], expected);
    };
    let with = |extensions: &[rcgen::CustomExtension]| {
        let mut params: CertificateParams = server(&[HOST]);
        params.custom_extensions = extensions.to_vec();
        params
    };

    alone(table, "nothing", vec![], Err(Malformed));
    alone(table, "not DER", b"-----BEGIN CERTIFICATE-----".to_vec(), Err(Malformed));
    let cut = leaf.der[..leaf.der.len() - 1].to_vec();
    alone(table, "cut short", cut, Err(Malformed));
    let longer = [&leaf.der[..], &[0]].concat();
    alone(table, "an octet too many", longer, Err(Malformed));
    let parts = children(&leaf.der);
    let other_algorithm =
        &children(&Node::self_signed_with(named("x"), &rcgen::PKCS_ED25519).der)[1];
    alone(table, "two signature algorithms", sequence(&[&parts[0], other_algorithm, &parts[2]]), Err(Malformed));

    let unknown = [1, 3, 6, 1, 4, 1, 99_999, 1];
    let params = with(&[extension(&unknown, false)]);
    table.add("an unknown extension", HOST, &[&root], &[&root.issue(params)], Ok(()));
    let params = with(&[extension(&unknown, true)]);
    table.add("an unknown critical extension", HOST, &[&root], &[&root.issue(params)], Err(CriticalExtension));
    let mut params = authority("intermediate");
    params.custom_extensions = vec![extension(&unknown, true)];
    let intermediate = root.issue(params);
    let below = intermediate.issue(server(&[HOST]));
    table.add("an unknown critical extension above", HOST, &[&root], &[&below, &intermediate], Err(CriticalExtension));
    // id-ce-policyConstraints, which nobody here evaluates.
    let params = with(&[extension(&[2, 5, 29, 36], true)]);
    table.add("critical policyConstraints", HOST, &[&root], &[&root.issue(params)], Err(CriticalExtension));
    // "A certificate MUST NOT include more than one instance of a particular extension."
    let params = with(&[extension(&[2, 5, 29, 37], false)]);
    table.add("two of one extension", HOST, &[&root], &[&root.issue(params)], Err(Malformed));

    let old = root.issue_version_1(&root.issue(server(&[HOST])));
    alone(table, "a version 1 leaf", old.to_vec(), Err(Version));
    let intermediate = root.issue(authority("intermediate"));
    let old = root.issue_version_1(&intermediate);
    let below = intermediate.issue(server(&[HOST]));
    table.raw("a version 1 issuer", HOST, anchors(), vec![below.der, old], Err(Version));
    let old_root = root.issue_version_1(&root);
    table.raw("a version 1 anchor", HOST, vec![old_root], vec![leaf.der.clone()], Ok(()));
}
