use super::functions::{
    ADJACENT, ADJACENT_OF_MARIADB, EFFECTS_IN_MYSQL, EFFECTS_IN_POSTGRESQL, OWN, OWN_OF_MARIADB,
    OWN_OF_MYSQL, WORDS, WORDS_OF_MARIADB, WORDS_OF_MYSQL,
};
use super::words::{GOES_ON, MODIFYING, STATEMENTS};

const HARMLESS: [&[&str]; 8] = [
    ADJACENT,
    ADJACENT_OF_MARIADB,
    OWN,
    OWN_OF_MARIADB,
    OWN_OF_MYSQL,
    WORDS,
    WORDS_OF_MARIADB,
    WORDS_OF_MYSQL,
];

#[test]
fn lists_are_sorted() {
    let others = [
        EFFECTS_IN_MYSQL,
        EFFECTS_IN_POSTGRESQL,
        GOES_ON,
        MODIFYING,
        STATEMENTS,
    ];
    for list in HARMLESS.into_iter().chain(others) {
        assert!(list.is_sorted_by(|a, b| a < b), "{list:?}");
    }
    let mut harmless = HARMLESS.into_iter().flatten();
    assert!(harmless.all(|name| !EFFECTS_IN_MYSQL.contains(name)));
}
