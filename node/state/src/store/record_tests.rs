use proptest::prelude::*;

use super::*;
use crate::store::MemoryKv;

fn stored(records: &[(Vec<u8>, usize)]) -> MemoryKv {
    let kv = MemoryKv::new();
    let mut batch = Batch::new();
    for (key, bytes) in records {
        put(&mut batch, key, &vec![7; *bytes]).unwrap();
    }
    kv.write(&batch).unwrap();
    kv
}

fn scanned(kv: &MemoryKv) -> Result<Vec<(Vec<u8>, usize, u16)>, StoreError> {
    let mut found = Vec::new();
    scan(kv, &[0], &[0xff], &mut |record| {
        found.push((record.key, record.value.len(), record.parts));
        Ok(true)
    })?;
    Ok(found)
}

#[test]
fn values_are_cut_into_parts_where_they_do_not_fit() {
    let records: Vec<_> = [0, 1, 4086, 4087, 8164, 8165, 40_000]
        .into_iter()
        .zip(1..)
        .collect();
    let records: Vec<_> = records
        .into_iter()
        .map(|(bytes, key)| (vec![key, 0, 9], bytes))
        .collect();
    let kv = stored(&records);
    let parts: Vec<u16> = scanned(&kv)
        .unwrap()
        .into_iter()
        .map(|(_, _, parts)| parts)
        .collect();
    assert_eq!(parts, [1, 1, 1, 2, 2, 3, 10]);
    for (key, bytes) in records {
        assert_eq!(read(&kv, &key).unwrap().unwrap().value, vec![7; bytes]);
    }
    assert_eq!(read(&kv, &[1, 0, 8]).unwrap(), None);
}

#[test]
fn a_part_of_another_value_does_not_pass() {
    let key = vec![2, 1];
    let (old, new) = (stored(&[(key.clone(), 9000)]), MemoryKv::new());
    let mut batch = Batch::new();
    put(&mut batch, &key, &[8; 9000]).unwrap();
    new.write(&batch).unwrap();
    let second = part_key(&key, 1);
    let mut mixed = Batch::new();
    mixed.put(second.clone(), old.get(&second).unwrap().unwrap());
    new.write(&mixed).unwrap();
    let error = scanned(&new).unwrap_err();
    assert_eq!(error.damage(), Some(Damage::Checksum));
}

#[test]
fn a_value_under_another_key_does_not_pass() {
    let kv = stored(&[(vec![2, 1], 10)]);
    let value = kv.get(&part_key(&[2, 1], 0)).unwrap().unwrap();
    let mut batch = Batch::new();
    batch.put(part_key(&[2, 2], 0), value);
    kv.write(&batch).unwrap();
    assert_eq!(scanned(&kv).unwrap_err().damage(), Some(Damage::Checksum));
}

proptest! {
    #[test]
    fn whatever_is_changed_is_noticed(bytes in 0usize..20_000, at: prop::sample::Index, bit in 0u8..8) {
        let kv = stored(&[(vec![1, 1], 20), (vec![2, 1], bytes), (vec![3, 1], 20)]);
        let keys = kv.keys();
        let key = at.get(&keys[..]);
        let mut value = kv.get(key).unwrap().unwrap();
        let place = at.index(value.len());
        value[place] ^= 1 << bit;
        let mut batch = Batch::new();
        batch.put(key.clone(), value);
        kv.write(&batch).unwrap();
        prop_assert!(scanned(&kv).is_err());
    }

    #[test]
    fn a_missing_part_is_noticed(parts in 2usize..9, at: prop::sample::Index) {
        let kv = stored(&[(vec![1, 1], 20), (vec![2, 1], parts * 4086 - 8), (vec![3, 1], 20)]);
        let keys = kv.keys();
        let inner = &keys[1..keys.len() - 1];
        prop_assert_eq!(inner.len(), parts);
        let key: &Vec<u8> = at.get(inner);
        kv.lose(key);
        prop_assert!(scanned(&kv).is_err());
    }
}
