//! The table is whole: every keyword once, every block reachable, every reference leads somewhere.

use super::form::Form;
use super::{Advice, Block, OURS, advise, did_you_mean};
use std::collections::HashSet;

#[test]
fn the_table_has_keepaliveds_531_keywords_and_ours_each_once() {
    let (mut seen, mut keepaliveds) = (HashSet::new(), 0);
    for block in Block::all() {
        for row in block.keywords() {
            assert!(
                seen.insert((block, row.word)),
                "{} {} twice",
                block.path(),
                row.word
            );
            keepaliveds += usize::from(row.since != OURS);
            assert_eq!(block.find(row.word), Some(row));
            assert!(
                !row.meaning.is_empty() && !row.since.is_empty() && (1..=3).contains(&row.tier),
                "{}",
                row.word
            );
        }
    }
    assert_eq!((keepaliveds, seen.len()), (531, 556));
}

#[test]
fn blocks_stand_in_the_order_of_their_numbers_and_each_is_opened_by_a_keyword() {
    let mut opened = HashSet::from([Block::Root]);
    for (place, block) in Block::all().enumerate() {
        assert_eq!(block as usize, place);
        opened.extend(block.keywords().iter().filter_map(|row| match row.form {
            Form::Block(inner, _) => Some(inner),
            _ => None,
        }));
    }
    let all: HashSet<Block> = Block::all().collect();
    assert_eq!(opened, all);
}

#[test]
fn synonyms_lead_to_keywords_of_the_same_block_and_form() {
    for block in Block::all() {
        for row in block.keywords() {
            if let Some(target) = row.same_as {
                let target = block
                    .find(target)
                    .unwrap_or_else(|| panic!("{} leads nowhere", row.word));
                assert_eq!(row.form.words(), target.form.words(), "{}", row.word);
            }
        }
    }
}

#[test]
fn slips_are_recognised_and_strangers_are_not() {
    let meant = |block, word| did_you_mean(block, word).map(|(row, _)| row.word);
    assert_eq!(
        meant(Block::VrrpInstance, "lvs_sync_daemon_inteface"),
        Some("lvs_sync_daemon_interface")
    );
    assert_eq!(meant(Block::VrrpInstance, "prioirty"), Some("priority"));
    assert_eq!(meant(Block::Root, "vvrp_script"), Some("vrrp_script"));
    assert_eq!(meant(Block::HttpGet, "connetc_port"), Some("connect_port"));
    assert_eq!(
        meant(Block::VrrpInstance, "macast_src_ip"),
        Some("mcast_src_ip")
    );
    assert_eq!(meant(Block::VrrpInstance, "banana"), None);
    assert_eq!(meant(Block::VrrpInstance, "}"), None);
    assert_eq!(meant(Block::VrrpInstance, &"x".repeat(100_000)), None);
}

#[test]
fn misplaced_and_removed_keywords_are_recognised() {
    assert_eq!(
        advise(Block::VirtualServer, "nat_mask"),
        Some(Advice::Removed("1.2.19"))
    );
    assert_eq!(
        advise(Block::TcpCheck, "nb_get_retry"),
        Some(Advice::Elsewhere(vec!["HTTP_GET", "SSL_GET"]))
    );
    assert_eq!(
        advise(Block::Root, "priority"),
        Some(Advice::Elsewhere(vec!["vrrp_instance"]))
    );
}
