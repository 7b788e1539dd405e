//! A private key in an encrypted file: PKCS#8, PBES2 (RFC 8018, section 6.2) with PBKDF2-HMAC-SHA256
//! and AES-256-CBC, PEM; `openssl pkey` reads it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::num::NonZeroU32;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_lc_rs::cipher::{
    AES_256, AES_256_KEY_LEN, AES_CBC_IV_LEN, DecryptionContext, EncryptionContext,
    PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA256};
use der::asn1::OctetString;
use der::pem::{self, LineEnding};
use der::{Decode as _, Encode as _};
use pkcs8::EncryptedPrivateKeyInfoOwned;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{self, Kdf, Pbkdf2Params, Pbkdf2Prf};
use zeroize::Zeroizing;

use crate::ca::signer::passphrase::Passphrase;
use crate::ca::signer::software::{KeyError, SoftwareKey};
use crate::random::{Random, RandomUnavailable};

/// PBKDF2 rounds of the files that we write.
const ITERATIONS: u32 = 600_000;
/// Most rounds that are run for a file that somebody else wrote: some ten seconds.
const ITERATIONS_MAX: u32 = 10_000_000;
/// Octets of salt (RFC 8018, section 4.1, wants eight or more).
const SALT_LEN: usize = 16;
/// Largest key file that is read, in octets.
const FILE_MAX: u64 = 64 * 1024;
/// The PEM label (RFC 7468, section 11).
const LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// Why a key file was not written or not read. The path is the caller's to name.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file system refused; a file that exists is never overwritten.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Not a PEM file with one encrypted PKCS#8 key, or a scheme that is not even known.
    #[error("not an encrypted private key in PKCS#8 PEM form, or of an unknown encryption")]
    Malformed,
    /// Encrypted in another way than PBKDF2-HMAC-SHA256 with AES-256-CBC.
    #[error("not encrypted with PBES2, PBKDF2-HMAC-SHA256 and AES-256-CBC")]
    Encryption,
    /// What was decrypted is no key: most often the passphrase is wrong.
    #[error("the passphrase does not open the key")]
    Passphrase,
    /// The key is not one that can issue.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No salt could be made.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
}

/// Writes `key` to a new file of mode 0600, and returns when it is on the disk.
///
/// # Errors
/// [`KeyFileError`]; no file is left behind then, and one that exists is untouched.
pub fn create(
    path: &Path,
    key: &SoftwareKey,
    passphrase: &Passphrase,
    random: &dyn Random,
) -> Result<(), KeyFileError> {
    let text = encrypt(key, passphrase, random)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| sync_folder(path));
    if let Err(error) = written {
        // Half a key file would only stand in the way of the next try.
        let _ = std::fs::remove_file(path);
        return Err(error.into());
    }
    Ok(())
}

/// A new name is durable once its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Reads the key in the file at `path`.
///
/// # Errors
/// [`KeyFileError`].
pub fn open(path: &Path, passphrase: &Passphrase) -> Result<SoftwareKey, KeyFileError> {
    let mut text = Vec::new();
    File::open(path)?.take(FILE_MAX).read_to_end(&mut text)?;
    decrypt(&text, passphrase)
}

fn encrypt(
    key: &SoftwareKey,
    passphrase: &Passphrase,
    random: &dyn Random,
) -> Result<String, KeyFileError> {
    let salt: [u8; SALT_LEN] = random.array()?;
    let iv: [u8; AES_CBC_IV_LEN] = random.array()?;
    let parameters = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(ITERATIONS, &salt, iv)
        .map_err(|_| KeyFileError::Encryption)?;
    let plain = key.to_pkcs8()?;
    // Room for the padding beforehand: a vector that grows leaves an unerased copy behind.
    let mut octets = Zeroizing::new(Vec::with_capacity(plain.len() + AES_CBC_IV_LEN));
    octets.extend_from_slice(&plain);
    let cipher = cipher_key(ITERATIONS, &salt, passphrase)?;
    PaddedBlockEncryptingKey::cbc_pkcs7(cipher)
        .and_then(|cipher| {
            cipher.less_safe_encrypt(&mut *octets, EncryptionContext::Iv128(iv.into()))
        })
        .map_err(|_| KeyFileError::Encryption)?;
    let encoded = OctetString::new(octets.as_slice()).and_then(|encrypted_data| {
        EncryptedPrivateKeyInfoOwned {
            encryption_algorithm: parameters.into(),
            encrypted_data,
        }
        .to_der()
    });
    let encoded = encoded.map_err(|_| KeyFileError::Malformed)?;
    pem::encode_string(LABEL, LineEnding::LF, &encoded).map_err(|_| KeyFileError::Malformed)
}

fn decrypt(unverified: &[u8], passphrase: &Passphrase) -> Result<SoftwareKey, KeyFileError> {
    let (label, encoded) = pem::decode_vec(unverified).map_err(|_| KeyFileError::Malformed)?;
    if label != LABEL {
        return Err(KeyFileError::Malformed);
    }
    let info =
        EncryptedPrivateKeyInfoOwned::from_der(&encoded).map_err(|_| KeyFileError::Malformed)?;
    let (params, iv) = pbkdf2_aes256(&info.encryption_algorithm)?;
    let cipher = cipher_key(params.iteration_count, params.salt.as_ref(), passphrase)?;
    let mut octets = Zeroizing::new(info.encrypted_data.as_bytes().to_vec());
    let plain = PaddedBlockDecryptingKey::cbc_pkcs7(cipher)
        .and_then(|cipher| cipher.decrypt(&mut octets, DecryptionContext::Iv128(iv.into())))
        .map_err(|_| KeyFileError::Passphrase)?;
    // One wrong passphrase in 256 leaves valid padding; what it leaves is no PKCS#8.
    SoftwareKey::from_pkcs8(plain).map_err(|error| match error {
        KeyError::Malformed => KeyFileError::Passphrase,
        other => KeyFileError::Key(other),
    })
}

fn pbkdf2_aes256(
    scheme: &EncryptionScheme,
) -> Result<(&Pbkdf2Params, [u8; AES_CBC_IV_LEN]), KeyFileError> {
    let EncryptionScheme::Pbes2(parameters) = scheme else {
        return Err(KeyFileError::Encryption);
    };
    match (&parameters.kdf, &parameters.encryption) {
        (Kdf::Pbkdf2(params), pbes2::EncryptionScheme::Aes256Cbc { iv })
            if params.prf == Pbkdf2Prf::HmacWithSha256
                && params.iteration_count <= ITERATIONS_MAX =>
        {
            Ok((params, *iv))
        }
        _ => Err(KeyFileError::Encryption),
    }
}

fn cipher_key(
    iterations: u32,
    salt: &[u8],
    passphrase: &Passphrase,
) -> Result<UnboundCipherKey, KeyFileError> {
    let iterations = NonZeroU32::new(iterations).ok_or(KeyFileError::Encryption)?;
    let mut key = Zeroizing::new([0; AES_256_KEY_LEN]);
    pbkdf2::derive(
        PBKDF2_HMAC_SHA256,
        iterations,
        salt,
        passphrase.as_bytes(),
        key.as_mut_slice(),
    );
    UnboundCipherKey::new(&AES_256, key.as_slice()).map_err(|_| KeyFileError::Encryption)
}

#[cfg(test)]
mod tests;
