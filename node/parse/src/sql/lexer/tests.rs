use super::*;

fn kinds(dialect: Dialect, text: &str) -> Vec<Kind> {
    let mut lexer = Lexer::new(dialect, text);
    std::iter::from_fn(|| lexer.next_token().unwrap())
        .map(|token| token.kind)
        .collect()
}

#[test]
fn between_tokens_there_is_only_white_space() {
    let text =
        "SELECT a$1, \"b\"\"c\" /* x /* y */ */ FROM t WHERE d = E'\\'' AND e <@ $2 AND f = $t$ $ $t$ -- z";
    for dialect in [Dialect::PostgreSql, Dialect::MySql] {
        let mut end = 0;
        let mut lexer = Lexer::new(dialect, text);
        while let Some(token) = lexer.next_token().unwrap() {
            assert!(
                text[end..token.start].bytes().all(|b| b == b' '),
                "{dialect:?} {token:?}"
            );
            assert!(token.end > token.start);
            end = token.end;
        }
        assert_eq!(end, text.len());
    }
}

#[test]
fn tokens_of_postgresql_are_told_apart() {
    use Kind::*;
    for (text, expected) in [
        ("", vec![]),
        (" \t\n", vec![]),
        ("a1$b", vec![Word]),
        ("$1", vec![Parameter]),
        ("$65535", vec![Parameter]),
        ("$4111111111111111", vec![Number]),
        ("1..2", vec![Number, Operator, Number]),
        ("1e-5", vec![Number]),
        ("1-5", vec![Number, Operator, Number]),
        (".5", vec![Number]),
        ("a.b", vec![Word, Dot, Word]),
        ("U&'\\0041'", vec![String]),
        ("U&\"x\"", vec![QuotedName]),
        ("x'1f'", vec![String]),
        ("fox'1f'", vec![Word, String]),
        ("--a\n1", vec![Comment, Number]),
        ("'a", vec![Cut]),
        ("E'\\", vec![Cut]),
        ("$a", vec![Cut]),
        ("$a$ $a", vec![Cut]),
        ("$$a$$", vec![String]),
        ("$a$x$$a$", vec![String]),
        ("/* /* */", vec![CutComment]),
        ("\"a", vec![Cut]),
        ("a->>'k'", vec![Word, Operator, String]),
        ("a=-1", vec![Word, Operator, Operator, Number]),
        ("a@-1", vec![Word, Operator, Number]),
        ("a@?'x'", vec![Word, Operator, String]),
        ("a=?", vec![Word, Operator, Question]),
        ("a-/*x*/b", vec![Word, Operator, Comment, Word]),
        ("a--b", vec![Word, Comment]),
        (
            "a::b:=c:d",
            vec![Word, Operator, Word, Operator, Word, Colon, Word],
        ),
        ("(?, ...)", vec![Open, Question, Comma, Ellipsis, Close]),
        ("a ... ", vec![Word, Ellipsis]),
    ] {
        assert_eq!(kinds(Dialect::PostgreSql, text), expected, "{text}");
    }
}

#[test]
fn tokens_of_mysql_are_told_apart() {
    use Kind::*;
    for (text, expected) in [
        ("`a``b` \"c\\\"d\" 'e\\'f'", vec![QuotedName, String, String]),
        ("\"a\"\"b\"", vec![String]),
        ("# x\n1", vec![Comment, Number]),
        ("-- x\n1", vec![Comment, Number]),
        ("--1", vec![Operator, Operator, Number]),
        ("1--", vec![Number, Comment]),
        ("/* /* */ a */", vec![Comment, Word, Operator, Operator]),
        (
            "@a @@b.c @'c' @`d` @ ",
            vec![Variable, Variable, Dot, Word, String, Variable, Operator],
        ),
        (
            "_utf8mb4'a' _latin1 \"b\" _x 'c'",
            vec![String, String, Word, String],
        ),
        (
            "x'1f' N'a' 0x1F b'01' \\N",
            vec![String, String, Number, String, String],
        ),
        ("a<=>b->>'$.c'", vec![Word, Operator, Word, Operator, String]),
        ("/*!50001 SELECT */ 1", vec![Mark, Word, Mark, Number]),
        ("/*! SELECT 12345*/", vec![Mark, Word, Number, Mark]),
        ("/*!50001 it's */ secret ' x", vec![Mark, Word, Cut]),
        ("/*!50001 a /* b */ c */", vec![Mark, Word, Cut]),
        ("/*!50001 a", vec![Cut]),
        ("/* a", vec![CutComment]),
        ("/*M!100100 a */", vec![Comment]),
        ("$$ secret $$ $a $b$ x", vec![String, Word, Cut]),
        ("{d 'x'}", vec![Open, Word, String, Close]),
    ] {
        assert_eq!(kinds(Dialect::MySql, text), expected, "{text}");
    }
    assert_eq!(kinds(Dialect::MariaDb, "/*M!100100 a */"), [Mark, Word, Mark]);
}
