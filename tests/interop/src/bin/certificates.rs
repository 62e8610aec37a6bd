//! `certificates DIR`: certificates for servers on loopback, made on the spot, as PEM files.
//!
//! `ca.pem` has issued `server.pem` (localhost, 127.0.0.1, ::1), `elsewhere.pem` (another name) and
//! `expired.pem`; `other-ca.pem` has issued nothing. The keys are beside them.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(std::env::args_os().nth(1).ok_or("certificates DIR")?);
    authority(&dir, "other-ca")?;
    let ca = authority(&dir, "ca")?;
    issue(
        &dir,
        "server",
        &ca,
        &["localhost", "127.0.0.1", "::1"],
        2099,
    )?;
    issue(&dir, "elsewhere", &ca, &["elsewhere.example"], 2099)?;
    issue(&dir, "expired", &ca, &["localhost", "127.0.0.1"], 2021)?;
    Ok(())
}

fn authority(dir: &Path, name: &str) -> Result<Issuer<'static, KeyPair>, Box<dyn Error>> {
    let mut params = CertificateParams::new([])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate()?;
    fs::write(
        dir.join(name).with_extension("pem"),
        params.self_signed(&key)?.pem(),
    )?;
    Ok(Issuer::new(params, key))
}

fn issue(
    dir: &Path,
    name: &str,
    issuer: &Issuer<'_, KeyPair>,
    names: &[&str],
    until: i32,
) -> Result<(), Box<dyn Error>> {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    fs::write(dir.join(name).with_extension("pem"), certificate.pem())?;
    fs::write(dir.join(name).with_extension("key"), key.serialize_pem())?;
    Ok(())
}
