//! Netlink attributes as nftables nests them: a tree of lists, strings, bytes and numbers in network byte order.

use netlink_packet_core::{Emitable, NLA_F_NESTED, Nla};

/// One attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    kind: u16,
    value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Bytes(Vec<u8>),
    List(Vec<Attribute>),
}

impl Attribute {
    pub fn bytes(kind: u16, bytes: impl Into<Vec<u8>>) -> Self {
        Attribute {
            kind,
            value: Value::Bytes(bytes.into()),
        }
    }

    /// A string with the NUL that ends it.
    pub fn text(kind: u16, text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        bytes.push(0);
        Attribute::bytes(kind, bytes)
    }

    pub fn number(kind: u16, number: u32) -> Self {
        Attribute::bytes(kind, number.to_be_bytes())
    }

    pub fn list(kind: u16, members: Vec<Attribute>) -> Self {
        Attribute {
            kind,
            value: Value::List(members),
        }
    }
}

impl Nla for Attribute {
    fn value_len(&self) -> usize {
        match &self.value {
            Value::Bytes(bytes) => bytes.len(),
            Value::List(members) => members.as_slice().buffer_len(),
        }
    }

    fn kind(&self) -> u16 {
        match self.value {
            Value::Bytes(_) => self.kind,
            Value::List(_) => self.kind | NLA_F_NESTED,
        }
    }

    fn emit_value(&self, buffer: &mut [u8]) {
        match &self.value {
            Value::Bytes(bytes) => buffer.copy_from_slice(bytes),
            Value::List(members) => members.as_slice().emit(buffer),
        }
    }
}
