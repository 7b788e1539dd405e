//! Questions as prost writes them, answers as they came.

use prost::bytes::{Buf as _, Bytes};
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::ProstCodec;

use crate::attestation::protocol::{VerifyChallengeResponseRequest, VerifyChallengeResponseResult};

type Prost = ProstCodec<VerifyChallengeResponseRequest, VerifyChallengeResponseResult>;

/// For VerifyChallengeResponse. The generated client would drop the fields that it does not know,
/// and they are what shows that a number is not Google's.
#[derive(Clone, Copy)]
pub(super) struct RawCodec;

impl Codec for RawCodec {
    type Encode = VerifyChallengeResponseRequest;
    type Decode = Bytes;
    type Encoder = <Prost as Codec>::Encoder;
    type Decoder = RawDecoder;

    fn encoder(&mut self) -> Self::Encoder {
        Prost::raw_encoder(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        RawDecoder
    }
}

/// Takes one message as it is.
pub(super) struct RawDecoder;

impl Decoder for RawDecoder {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = source.remaining();
        Ok(Some(source.copy_to_bytes(length)))
    }
}
