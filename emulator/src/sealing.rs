//! Key info travels encrypted to Verified Access: a fresh AES-256 key wrapped with RSAES-OAEP
//! (SHA-1, MGF1-SHA-1, no label), AES-CBC with PKCS#7 padding, HMAC-SHA-512 under the same key.

use aws_lc_rs::cipher::{
    AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PublicEncryptingKey,
};

use crate::attestation::EncryptedData;
use crate::entropy;
use crate::keys::CryptoError;

/// Encrypts for the holder of an RSA key, given as `SubjectPublicKeyInfo` DER.
pub fn seal(
    recipient_spki: &[u8],
    recipient_key_id: &[u8],
    plaintext: &[u8],
) -> Result<EncryptedData, CryptoError> {
    let key: [u8; 32] = entropy::bytes()?;
    let iv: [u8; 16] = entropy::bytes()?;

    let mut encrypted_data = plaintext.to_vec();
    PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, &key)?)?
        .less_safe_encrypt(&mut encrypted_data, EncryptionContext::Iv128(iv.into()))?;

    let recipient = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(recipient_spki)?)?;
    let mut wrapped_key = vec![0; recipient.ciphertext_size()];
    recipient.encrypt(&OAEP_SHA1_MGF1SHA1, &key, &mut wrapped_key, None)?;

    Ok(EncryptedData {
        wrapped_key: Some(wrapped_key),
        mac: Some(mac(&key, &iv, &encrypted_data).as_ref().to_vec()),
        iv: Some(iv.to_vec()),
        encrypted_data: Some(encrypted_data),
        wrapping_key_id: Some(recipient_key_id.to_vec()),
    })
}

/// Decrypts what [`seal`] or a Chromebook made.
///
/// The MAC is checked, in constant time, before anything is decrypted: whoever may alter the padding
/// and watch the difference could otherwise read the plaintext.
pub fn open(
    key: &OaepPrivateDecryptingKey,
    unverified_sealed: &EncryptedData,
) -> Result<Vec<u8>, CryptoError> {
    let mut unwrapped = vec![0; key.min_output_size()];
    let content_key = key.decrypt(
        &OAEP_SHA1_MGF1SHA1,
        unverified_sealed.wrapped_key(),
        &mut unwrapped,
        None,
    )?;
    let iv = FixedLength::<16>::try_from(unverified_sealed.iv())?;
    let mut authenticated = unverified_sealed.iv().to_vec();
    authenticated.extend_from_slice(unverified_sealed.encrypted_data());
    hmac::verify(
        &hmac::Key::new(hmac::HMAC_SHA512, content_key),
        &authenticated,
        unverified_sealed.mac(),
    )?;

    let mut buffer = unverified_sealed.encrypted_data().to_vec();
    let plaintext =
        PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, content_key)?)?
            .decrypt(&mut buffer, DecryptionContext::Iv128(iv))?;
    Ok(plaintext.to_vec())
}

fn mac(key: &[u8], iv: &[u8], encrypted_data: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA512, key));
    context.update(iv);
    context.update(encrypted_data);
    context.sign()
}
