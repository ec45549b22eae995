use super::*;

fn of(driver: Driver, text: &str) -> Datasource {
    Datasource::parse(driver, text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// `user password endpoint database mode`.
fn told(source: &Datasource) -> String {
    let password = source.password.as_ref().map_or("-", Secret::expose);
    let Datasource {
        endpoint,
        username,
        database,
        tls,
        ..
    } = source;
    format!("{username} {password} {endpoint} {database} {:?}", tls.mode)
}

#[test]
fn every_form_is_read() {
    let table = [
        (
            Driver::Postgres,
            "postgresql://monitor:s3cret@db1:6432/app?sslmode=require",
            "monitor s3cret db1:6432 app Require",
        ),
        (Driver::Postgres, "postgres://u@db1", "u - db1:5432 u VerifyFull"),
        (
            Driver::Postgres,
            "postgresql://u:p%40ss%2Fw%25@[::1]:1/my%20db?sslmode=disable&application_name=x",
            "u p@ss/w% [::1]:1 my db Disable",
        ),
        (
            Driver::Postgres,
            "postgresql://u:a@b@db1/app?sslmode=require&sslrootcert=/ca.pem",
            "u a@b db1:5432 app VerifyCa",
        ),
        (
            Driver::Postgres,
            "postgresql:///app?host=db1&user=u&port=7",
            "u - db1:7 app VerifyFull",
        ),
        (
            Driver::Postgres,
            "host=db1 port = 6432 user=u password='it\\'s \\\\ x' dbname=app sslmode=verify-ca",
            "u it's \\ x db1:6432 app VerifyCa",
        ),
        (
            Driver::Postgres,
            "hostaddr=10.0.0.1 user=u password=a=b",
            "u a=b 10.0.0.1:5432 u VerifyFull",
        ),
        (
            Driver::Mysql,
            "mysql://u:p%3Aw@db1/app?ssl-mode=REQUIRED",
            "u p:w db1:3306 app Require",
        ),
        (Driver::Mysql, "mariadb://u@db1:7", "u - db1:7  VerifyFull"),
        (
            Driver::Mysql,
            "u:p@/%(x@tcp(db1:3307)/app?tls=skip-verify&parseTime=true",
            "u p@/%(x db1:3307 app Require",
        ),
        (Driver::Mysql, "u@tcp([::1]:3307)/", "u - [::1]:3307  VerifyFull"),
        (Driver::Mysql, "u@tcp(db1)/x?tls=false", "u - db1:3306 x Disable"),
    ];
    for (driver, text, expected) in table {
        assert_eq!(told(&of(driver, text)), expected, "{text}");
    }
}

#[test]
fn what_is_wrong_is_told_without_the_secret() {
    let table = [
        (Driver::Postgres, "", "empty"),
        (Driver::Postgres, "S3CRET", "neither"),
        (Driver::Postgres, "mysql://u:S3CRET@h/d", "postgresql://"),
        (Driver::Postgres, "postgresql://u:S3CRET/x@h/d", "escaped"),
        (Driver::Postgres, "postgresql://u:S3?CRET=1@h/d", "escaped"),
        (Driver::Postgres, "postgresql://u:S3CRET#x@h/d", "escaped"),
        (Driver::Postgres, "postgresql://u:S3CRET%zz@h/d", "%25"),
        (Driver::Postgres, "postgresql://u:S3CRET%+1@h/d", "%25"),
        (Driver::Postgres, "postgresql://u:S3CRET@h:99999/d", "port"),
        (Driver::Postgres, "postgresql://u:S3CRET@h:0/d", "port"),
        (Driver::Postgres, "postgresql://u:S3CRET@a,b/d", "several hosts"),
        (Driver::Postgres, "postgresql://u:S3CRET@%2Ftmp/d", "socket"),
        (
            Driver::Postgres,
            "postgresql://u:S3CRET@h/d?sslmode=on",
            "verify-full",
        ),
        (
            Driver::Postgres,
            "postgresql://u:S3CRET@h/d?options=-c",
            "`options`",
        ),
        (Driver::Postgres, "postgresql://u:S3CRET@h/d?sslcert=/c", "key"),
        (Driver::Postgres, "postgresql://u:S3CRET@/d", "no host"),
        (Driver::Postgres, "postgresql://h/d", "no user"),
        (Driver::Postgres, "host=h user=u password=S3CRET x y", "neither"),
        (Driver::Postgres, "host=h user=u password='S3CRET", "no end"),
        (
            Driver::Postgres,
            "host=h user=u password=S3CRET service=x",
            "`service`",
        ),
        (Driver::Mysql, "u:S3CRET@unix(/tmp/x)/d", "socket"),
        (Driver::Mysql, "u:S3CRET@db1/d", "tcp("),
        (Driver::Mysql, "u:S3CRET@tcp(h:1)/d?tls=mine", "skip-verify"),
        (Driver::Mysql, "u:S3CRET@tcp(h:1)/d?tls=true&tls=true", "twice"),
    ];
    for (driver, text, part) in table {
        let error = Datasource::parse(driver, text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
        assert!(!error.contains("S3") && !error.contains("CRET"), "{error}");
    }
    let source = of(Driver::Postgres, "postgresql://u:S3CRET@h/d");
    assert!(!format!("{source:?}").contains("S3CRET"));
}

#[test]
fn parts_stand_in_place_of_a_text() {
    let of = |yaml: &str| {
        let yaml = format!("driver: postgres\nqueries: []\n{yaml}");
        Datasource::of(&serde_saphyr::from_str(&yaml).unwrap())
    };
    let source =
        of("endpoint: db1:6432\nusername: u\npassword: p\ntls: {insecure_skip_verify: true}").unwrap();
    assert_eq!(told(&source), "u p db1:6432 u Require");
    assert!(of("endpoint: db1:6432").unwrap_err().contains("`username`"));
    assert!(of("datasource: x").unwrap_err().starts_with("`datasource`: "));
    let tls = of("endpoint: db1:1\nusername: u\ntls: {server_name_override: x}");
    assert!(tls.unwrap_err().contains("server_name_override"));
}
