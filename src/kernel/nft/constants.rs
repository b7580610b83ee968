//! The numbers of linux/netfilter/nfnetlink.h, nf_tables.h and netfilter.h that we speak.

pub const NFNL_SUBSYS_NFTABLES: u16 = 10;
pub const NFNL_MSG_BATCH_BEGIN: u16 = 0x10;
pub const NFNL_MSG_BATCH_END: u16 = 0x11;

pub const NFPROTO_UNSPEC: u8 = 0;
pub const NFPROTO_IPV4: u8 = 2;
pub const NFPROTO_IPV6: u8 = 10;

/// `NFT_MSG_*`.
pub mod msg {
    pub const NEW_TABLE: u16 = 0;
    pub const DELETE_TABLE: u16 = 2;
    pub const NEW_CHAIN: u16 = 3;
    pub const DELETE_CHAIN: u16 = 5;
    pub const NEW_RULE: u16 = 6;
    pub const DELETE_RULE: u16 = 8;
    pub const NEW_SET: u16 = 9;
    pub const DELETE_SET: u16 = 11;
    pub const NEW_ELEMENT: u16 = 12;
    pub const DELETE_ELEMENT: u16 = 14;
}

/// The name of the table: the first attribute of every object.
pub const NFTA_TABLE: u16 = 1;

/// `NFTA_CHAIN_*` and `NFTA_HOOK_*`.
pub mod chain {
    pub const NAME: u16 = 3;
    pub const HOOK: u16 = 4;
    pub const POLICY: u16 = 5;
    pub const TYPE: u16 = 7;
    pub const HOOK_NUMBER: u16 = 1;
    pub const HOOK_PRIORITY: u16 = 2;
}

/// `NF_INET_*`.
pub mod hook {
    pub const LOCAL_IN: u32 = 1;
    pub const LOCAL_OUT: u32 = 3;
}

/// `NFTA_RULE_*`.
pub mod rule {
    pub const CHAIN: u16 = 2;
    pub const EXPRESSIONS: u16 = 4;
}

/// `NFTA_LIST_ELEM`.
pub const LIST_ELEMENT: u16 = 1;

/// `NFTA_SET_*`, and `NFT_SET_*` of its flags.
pub mod set {
    pub const NAME: u16 = 2;
    pub const FLAGS: u16 = 3;
    pub const KEY_TYPE: u16 = 4;
    pub const KEY_LENGTH: u16 = 5;
    pub const DATA_TYPE: u16 = 6;
    pub const DATA_LENGTH: u16 = 7;
    pub const DESCRIPTION: u16 = 9;
    pub const ID: u16 = 10;
    pub const USERDATA: u16 = 13;
    pub const EXPRESSION: u16 = 17;
    pub const FLAG_INTERVAL: u32 = 4;
    pub const FLAG_MAP: u32 = 8;
    /// Keys are made of several parts.
    pub const FLAG_CONCAT: u32 = 0x80;
    /// `NFTA_SET_DESC_CONCAT` and `NFTA_SET_FIELD_LEN`: how long each part of a key is.
    pub const PARTS: u16 = 2;
    pub const PART_LENGTH: u16 = 1;
}

/// `NFTA_SET_ELEM_LIST_*` and `NFTA_SET_ELEM_*`.
pub mod element {
    pub const SET: u16 = 2;
    pub const LIST: u16 = 3;
    pub const KEY: u16 = 1;
    pub const DATA: u16 = 2;
    pub const KEY_END: u16 = 10;
}

/// `NFTA_EXPR_*`.
pub mod expression {
    pub const NAME: u16 = 1;
    pub const DATA: u16 = 2;
}

/// `NFTA_DATA_*` and `NFTA_VERDICT_*`.
pub mod data {
    pub const VALUE: u16 = 1;
    pub const VERDICT: u16 = 2;
    pub const VERDICT_CODE: u16 = 1;
}

/// `NFTA_PAYLOAD_*` and `enum nft_payload_bases`.
pub mod payload {
    pub const REGISTER: u16 = 1;
    pub const BASE: u16 = 2;
    pub const OFFSET: u16 = 3;
    pub const LENGTH: u16 = 4;
    pub const NETWORK: u32 = 1;
    pub const TRANSPORT: u32 = 2;
}

/// `NFTA_META_*` and `enum nft_meta_keys`.
pub mod meta {
    pub const REGISTER: u16 = 1;
    pub const KEY: u16 = 2;
    /// `NFTA_META_SREG`: where what is set comes from.
    pub const SOURCE: u16 = 3;
    pub const MARK: u32 = 3;
    pub const IIF: u32 = 4;
    pub const OIF: u32 = 5;
    pub const IIFNAME: u32 = 6;
    pub const OIFNAME: u32 = 7;
    pub const L4PROTO: u32 = 16;
}

/// `NFTA_CMP_*` and `enum nft_cmp_ops`.
pub mod cmp {
    pub const REGISTER: u16 = 1;
    pub const OPERATOR: u16 = 2;
    pub const DATA: u16 = 3;
    pub const EQUAL: u32 = 0;
    pub const AT_MOST: u32 = 3;
    pub const AT_LEAST: u32 = 5;
}

/// `NFTA_LOOKUP_*`.
pub mod lookup {
    pub const SET: u16 = 1;
    pub const KEY_REGISTER: u16 = 2;
    pub const DATA_REGISTER: u16 = 3;
}

/// `NFTA_IMMEDIATE_*`.
pub mod immediate {
    pub const REGISTER: u16 = 1;
    pub const DATA: u16 = 2;
}

/// `NFTA_DUP_*`.
pub mod dup {
    pub const ADDRESS_REGISTER: u16 = 1;
    pub const DEVICE_REGISTER: u16 = 2;
}

/// `NF_*`, the verdicts.
pub mod verdict {
    pub const DROP: u32 = 0;
    pub const ACCEPT: u32 = 1;
    /// `NFT_RETURN`, -5: the end of this chain.
    pub const RETURN: u32 = u32::MAX - 4;
}

/// `enum nft_registers`: that of the verdict, two of 16 bytes each, and the second quarter of the first.
pub mod register {
    pub const VERDICT: u32 = 0;
    pub const FIRST: u32 = 1;
    pub const SECOND: u32 = 2;
    pub const SECOND_QUARTER: u32 = 9;
}

/// What the `nft` program keeps with a set for itself (libnftnl's udata.h): parts of type, length and value, here in which order
/// the bytes of keys and data stand.
pub mod userdata {
    pub const KEY_BYTE_ORDER: u8 = 0;
    pub const DATA_BYTE_ORDER: u8 = 1;
    /// None is said of keys that are made of several parts.
    pub const NO_ORDER: u32 = 0;
    pub const HOST_ORDER: u32 = 1;
}

/// How the `nft` program calls the types of keys and data; the kernel keeps them for it and does not look at them.
pub mod datatype {
    pub const IPV4_ADDRESS: u32 = 7;
    pub const IPV6_ADDRESS: u32 = 8;
    pub const PORT: u32 = 13;
    pub const MARK: u32 = 19;
    pub const INTERFACE_INDEX: u32 = 20;
    pub const INTERFACE_NAME: u32 = 41;
    /// Bits of one part of a joined type.
    const BITS: u32 = 6;

    /// The type of one key behind another.
    pub const fn joined(first: u32, second: u32) -> u32 {
        first << BITS | second
    }
}
