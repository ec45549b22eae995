//! The lengths and structures of the IBAN registry (ISO 13616-1, kept by SWIFT).

/// What the characters behind the check digits are, in runs: how many, and `n` digits, `a` capital letters,
/// `c` either.
type Structure = &'static [(u8, u8)];

/// For each country, the structure of its account numbers.
static REGISTRY: [(&[u8; 2], Structure); 89] = [
    (b"AD", &[(8, b'n'), (12, b'c')]),
    (b"AE", &[(19, b'n')]),
    (b"AL", &[(8, b'n'), (16, b'c')]),
    (b"AT", &[(16, b'n')]),
    (b"AZ", &[(4, b'a'), (20, b'c')]),
    (b"BA", &[(16, b'n')]),
    (b"BE", &[(12, b'n')]),
    (b"BG", &[(4, b'a'), (6, b'n'), (8, b'c')]),
    (b"BH", &[(4, b'a'), (14, b'c')]),
    (b"BI", &[(23, b'n')]),
    (b"BR", &[(23, b'n'), (1, b'a'), (1, b'c')]),
    (b"BY", &[(4, b'c'), (4, b'n'), (16, b'c')]),
    (b"CH", &[(5, b'n'), (12, b'c')]),
    (b"CR", &[(18, b'n')]),
    (b"CY", &[(8, b'n'), (16, b'c')]),
    (b"CZ", &[(20, b'n')]),
    (b"DE", &[(18, b'n')]),
    (b"DJ", &[(23, b'n')]),
    (b"DK", &[(14, b'n')]),
    (b"DO", &[(4, b'c'), (20, b'n')]),
    (b"EE", &[(16, b'n')]),
    (b"EG", &[(25, b'n')]),
    (b"ES", &[(20, b'n')]),
    (b"FI", &[(14, b'n')]),
    (b"FK", &[(2, b'a'), (12, b'n')]),
    (b"FO", &[(14, b'n')]),
    (b"FR", &[(10, b'n'), (11, b'c'), (2, b'n')]),
    (b"GB", &[(4, b'a'), (14, b'n')]),
    (b"GE", &[(2, b'a'), (16, b'n')]),
    (b"GI", &[(4, b'a'), (15, b'c')]),
    (b"GL", &[(14, b'n')]),
    (b"GR", &[(7, b'n'), (16, b'c')]),
    (b"GT", &[(24, b'c')]),
    (b"HN", &[(4, b'a'), (20, b'n')]),
    (b"HR", &[(17, b'n')]),
    (b"HU", &[(24, b'n')]),
    (b"IE", &[(4, b'a'), (14, b'n')]),
    (b"IL", &[(19, b'n')]),
    (b"IQ", &[(4, b'a'), (15, b'n')]),
    (b"IS", &[(22, b'n')]),
    (b"IT", &[(1, b'a'), (10, b'n'), (12, b'c')]),
    (b"JO", &[(4, b'a'), (4, b'n'), (18, b'c')]),
    (b"KW", &[(4, b'a'), (22, b'c')]),
    (b"KZ", &[(3, b'n'), (13, b'c')]),
    (b"LB", &[(4, b'n'), (20, b'c')]),
    (b"LC", &[(4, b'a'), (24, b'c')]),
    (b"LI", &[(5, b'n'), (12, b'c')]),
    (b"LT", &[(16, b'n')]),
    (b"LU", &[(3, b'n'), (13, b'c')]),
    (b"LV", &[(4, b'a'), (13, b'c')]),
    (b"LY", &[(21, b'n')]),
    (b"MC", &[(10, b'n'), (11, b'c'), (2, b'n')]),
    (b"MD", &[(20, b'c')]),
    (b"ME", &[(18, b'n')]),
    (b"MK", &[(3, b'n'), (10, b'c'), (2, b'n')]),
    (b"MN", &[(16, b'n')]),
    (b"MR", &[(23, b'n')]),
    (b"MT", &[(4, b'a'), (5, b'n'), (18, b'c')]),
    (b"MU", &[(4, b'a'), (19, b'n'), (3, b'a')]),
    (b"NI", &[(4, b'a'), (20, b'n')]),
    (b"NL", &[(4, b'a'), (10, b'n')]),
    (b"NO", &[(11, b'n')]),
    (b"OM", &[(3, b'n'), (16, b'c')]),
    (b"PK", &[(4, b'a'), (16, b'c')]),
    (b"PL", &[(24, b'n')]),
    (b"PS", &[(4, b'a'), (21, b'c')]),
    (b"PT", &[(21, b'n')]),
    (b"QA", &[(4, b'a'), (21, b'c')]),
    (b"RO", &[(4, b'a'), (16, b'c')]),
    (b"RS", &[(18, b'n')]),
    (b"RU", &[(14, b'n'), (15, b'c')]),
    (b"SA", &[(2, b'n'), (18, b'c')]),
    (b"SC", &[(4, b'a'), (20, b'n'), (3, b'a')]),
    (b"SD", &[(14, b'n')]),
    (b"SE", &[(20, b'n')]),
    (b"SI", &[(15, b'n')]),
    (b"SK", &[(20, b'n')]),
    (b"SM", &[(1, b'a'), (10, b'n'), (12, b'c')]),
    (b"SO", &[(19, b'n')]),
    (b"ST", &[(21, b'n')]),
    (b"SV", &[(4, b'a'), (20, b'n')]),
    (b"TL", &[(19, b'n')]),
    (b"TN", &[(20, b'n')]),
    (b"TR", &[(6, b'n'), (16, b'c')]),
    (b"UA", &[(6, b'n'), (19, b'c')]),
    (b"VA", &[(18, b'n')]),
    (b"VG", &[(4, b'a'), (16, b'n')]),
    (b"XK", &[(16, b'n')]),
    (b"YE", &[(4, b'a'), (4, b'n'), (18, b'c')]),
];

/// The structure of a country's account numbers; `None` where it has none.
pub(super) fn structure(country: [u8; 2]) -> Option<Structure> {
    let place = REGISTRY
        .binary_search_by(|(name, _)| name.as_slice().cmp(&country))
        .ok()?;
    REGISTRY.get(place).map(|(_, structure)| *structure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_can_be_searched() {
        assert!(REGISTRY.is_sorted_by(|a, b| a.0 < b.0));
        for (country, structure) in &REGISTRY {
            let length: u8 = structure.iter().map(|(count, _)| count).sum();
            assert!((11..=30).contains(&length), "{country:?}");
        }
        assert!(structure(*b"NO").is_some() && structure(*b"US").is_none());
    }
}
