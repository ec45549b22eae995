use super::*;

const SECOND: i64 = 1_000_000_000;
const BOUNDS: Bounds = Bounds {
    min: 1.0,
    max: 50.0,
    target: 1000.0,
};

fn id(name: &str) -> TargetId {
    TargetId::from_name(name)
}

fn see(rates: &mut Rates, name: &str, second: i64) -> u64 {
    rates.threshold(hash::of_target(&id(name)), &id(name), second * SECOND)
}

fn news(rates: &mut Rates, second: i64) -> Vec<(String, f64)> {
    let news = rates.news(second * SECOND).into_iter();
    let mut news: Vec<_> = news.map(|(target, rate)| (target.to_string(), rate)).collect();
    news.sort_by(|a, b| a.0.cmp(&b.0));
    news
}

#[test]
fn the_load_changes_all_rates_alike_and_each_target_keeps_its_own() {
    let mut rates = Rates::new(50.0, Some(BOUNDS));
    assert_eq!(see(&mut rates, "a", 0), hash::threshold(50.0));
    rates.adopt([(&id("b"), &8.0)].into_iter());
    assert_eq!(rates.lowest(), 50.0, "no frame of it came yet");
    assert_eq!(see(&mut rates, "b", 0), hash::threshold(8.0));
    rates.follow(2000.0);
    assert_eq!(rates.lowest(), 4.0);
    assert_eq!(see(&mut rates, "a", 1), hash::threshold(25.0));
    assert_eq!(
        see(&mut rates, "c", 1),
        hash::threshold(50.0),
        "a new one begins as it is set"
    );
    rates.follow(10.0);
    for (name, rate) in [("a", 26.0), ("b", 5.0), ("c", 50.0)] {
        assert_eq!(see(&mut rates, name, 2), hash::threshold(rate), "{name}");
    }
    rates.set(30.0, Some(Bounds { max: 30.0, ..BOUNDS }));
    assert_eq!(
        (see(&mut rates, "b", 3), rates.lowest()),
        (hash::threshold(30.0), 30.0)
    );
}

#[test]
fn rates_are_told_when_they_change_by_who_reads_the_target() {
    let mut rates = Rates::new(50.0, Some(BOUNDS));
    see(&mut rates, "a", 0);
    rates.adopt([(&id("b"), &8.0)].into_iter());
    assert_eq!(news(&mut rates, 0), [("a".to_owned(), 50.0)]);
    rates.follow(2000.0);
    assert_eq!(news(&mut rates, 10), [("a".to_owned(), 25.0)]);
    assert_eq!(
        see(&mut rates, "b", 10),
        hash::threshold(8.0),
        "another node's load"
    );
    assert_eq!(news(&mut rates, 10), [], "it is told as it came");
    rates.follow(2000.0);
    assert_eq!(news(&mut rates, 400), [], "no frames came for long");
    see(&mut rates, "a", 401);
    assert!(rates.is_news());
    assert_eq!(news(&mut rates, 401), [("a".to_owned(), 12.5)]);
    assert!(!rates.is_news());
}

#[test]
fn rates_from_elsewhere_are_bounded() {
    let mut rates = Rates::new(50.0, Some(BOUNDS));
    let given = [
        ("a", 0.1),
        ("b", 90.0),
        ("c", f64::NAN),
        ("d", -3.0),
        ("e", 101.0),
    ];
    let given = given.map(|(name, rate)| (id(name), rate));
    rates.adopt(given.iter().map(|(target, rate)| (target, rate)));
    for (name, rate) in [("a", 1.0), ("b", 50.0), ("c", 50.0), ("d", 50.0), ("e", 50.0)] {
        assert_eq!(see(&mut rates, name, 0), hash::threshold(rate), "{name}");
    }
    let many: Vec<_> = (0..20_000).map(|n| (id(&n.to_string()), 5.0)).collect();
    rates.adopt(many.iter().map(|(target, rate)| (target, rate)));
    assert_eq!(rates.targets.len(), MOST);
    assert_eq!(
        see(&mut rates, "19999", 0),
        hash::threshold(50.0),
        "there is no room for it"
    );
    rates.forget_old(KEEP.cast_signed() + SECOND);
    assert_eq!(
        rates.targets.len(),
        MOST - 5,
        "those that no frame came of have their time from now on"
    );
    rates.forget_old(2 * KEEP.cast_signed() + 2 * SECOND);
    assert_eq!(rates.targets.len(), 0);

    let mut fixed = Rates::new(50.0, None);
    fixed.adopt([(&id("a"), &8.0)].into_iter());
    assert_eq!(
        see(&mut fixed, "a", 0),
        hash::threshold(50.0),
        "it does not follow any load"
    );
    assert_eq!((fixed.targets.len(), news(&mut fixed, 0).len()), (0, 0));
}
