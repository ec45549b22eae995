use super::functions::{
    EFFECTS_IN_MYSQL, EFFECTS_IN_POSTGRESQL, HARMLESS, HARMLESS_IN_MARIADB, HARMLESS_IN_MYSQL,
};
use super::words::{GOES_ON, MODIFYING, STATEMENTS};
#[test]
fn lists_are_sorted() {
    for list in [
        EFFECTS_IN_MYSQL,
        EFFECTS_IN_POSTGRESQL,
        HARMLESS,
        HARMLESS_IN_MARIADB,
        HARMLESS_IN_MYSQL,
        GOES_ON,
        MODIFYING,
        STATEMENTS,
    ] {
        assert!(list.is_sorted_by(|a, b| a < b), "{list:?}");
    }
    assert!(HARMLESS.iter().all(|name| !EFFECTS_IN_MYSQL.contains(name)));
}
