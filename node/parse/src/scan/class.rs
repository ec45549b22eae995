//! What can be looked for, by names that do not change.

use std::fmt;
use std::str::FromStr;

/// What a value is. The order says which is more specific where two fit the same bytes: the earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// The key of an asymmetric cipher as a PEM block.
    PrivateKey,
    /// User and password in front of the host of a URL.
    UrlWithCredentials,
    /// A JSON web token.
    Jwt,
    /// A key or token of a known issuer, or a random one beside a word that says so.
    ApiKey,
    /// The value given to something called password.
    PasswordAssignment,
    /// An address of Bitcoin.
    Crypto,
    /// An international bank account number.
    Iban,
    /// The number of a payment card.
    CreditCard,
    /// An e-mail address.
    Email,
    /// An address of the internet protocol, version 4 or 6.
    IpAddress,
    /// The hardware address of a network interface.
    MacAddress,
    /// A national insurance number of the United Kingdom.
    UkNino,
    /// A taxpayer number of the United States for those without a social security number.
    UsItin,
    /// A number of the health service of the United Kingdom.
    UkNhs,
    /// A bank routing number of the United States.
    AbaRouting,
    /// A registration of the United States for prescribing controlled drugs.
    MedicalLicense,
    /// A social security number of the United States.
    UsSsn,
    /// A telephone number.
    Phone,
    /// A passport number of the United States.
    UsPassport,
    /// A driver's licence number of the United States.
    UsDriverLicense,
    /// A bank account number of the United States.
    UsBankNumber,
    /// A date that is said to be one of birth.
    DateOfBirth,
    /// A pattern of the user's own: its place among those that the scanner was made with.
    Custom(u16),
}

impl Class {
    /// All that the scanner knows by itself.
    pub const ALL: [Self; 22] = [
        Self::PrivateKey,
        Self::UrlWithCredentials,
        Self::Jwt,
        Self::ApiKey,
        Self::PasswordAssignment,
        Self::Crypto,
        Self::Iban,
        Self::CreditCard,
        Self::Email,
        Self::IpAddress,
        Self::MacAddress,
        Self::UkNino,
        Self::UsItin,
        Self::UkNhs,
        Self::AbaRouting,
        Self::MedicalLicense,
        Self::UsSsn,
        Self::Phone,
        Self::UsPassport,
        Self::UsDriverLicense,
        Self::UsBankNumber,
        Self::DateOfBirth,
    ];

    /// Its name in configurations, answers, metrics and hidden values. A pattern's own name is known to the
    /// scanner that it belongs to ([`Scanner::name`](super::Scanner::name)).
    pub const fn name(self) -> &'static str {
        match self {
            Self::PrivateKey => "private_key",
            Self::UrlWithCredentials => "url_with_credentials",
            Self::Jwt => "jwt",
            Self::ApiKey => "api_key",
            Self::PasswordAssignment => "password_assignment",
            Self::Crypto => "crypto",
            Self::Iban => "iban",
            Self::CreditCard => "credit_card",
            Self::Email => "email",
            Self::IpAddress => "ip_address",
            Self::MacAddress => "mac_address",
            Self::UkNino => "uk_nino",
            Self::UsItin => "us_itin",
            Self::UkNhs => "uk_nhs",
            Self::AbaRouting => "aba_routing",
            Self::MedicalLicense => "medical_license",
            Self::UsSsn => "us_ssn",
            Self::Phone => "phone",
            Self::UsPassport => "us_passport",
            Self::UsDriverLicense => "us_driver_license",
            Self::UsBankNumber => "us_bank_number",
            Self::DateOfBirth => "date_of_birth",
            Self::Custom(_) => "custom",
        }
    }

    /// Whether it is looked for where nothing is said: those whose rules tell them from other values. The
    /// others need a word beside them, or are numbers of which many others look alike.
    pub const fn by_default(self) -> bool {
        !matches!(
            self,
            Self::UkNhs
                | Self::AbaRouting
                | Self::MedicalLicense
                | Self::UsPassport
                | Self::UsDriverLicense
                | Self::UsBankNumber
                | Self::DateOfBirth
                | Self::Custom(_)
        )
    }

    const fn bit(self) -> u32 {
        match self {
            Self::Custom(_) => 0,
            known => 1 << known.rank(),
        }
    }

    /// Its place in [`Self::ALL`]; patterns come last.
    pub(super) const fn rank(self) -> u32 {
        match self {
            Self::PrivateKey => 0,
            Self::UrlWithCredentials => 1,
            Self::Jwt => 2,
            Self::ApiKey => 3,
            Self::PasswordAssignment => 4,
            Self::Crypto => 5,
            Self::Iban => 6,
            Self::CreditCard => 7,
            Self::Email => 8,
            Self::IpAddress => 9,
            Self::MacAddress => 10,
            Self::UkNino => 11,
            Self::UsItin => 12,
            Self::UkNhs => 13,
            Self::AbaRouting => 14,
            Self::MedicalLicense => 15,
            Self::UsSsn => 16,
            Self::Phone => 17,
            Self::UsPassport => 18,
            Self::UsDriverLicense => 19,
            Self::UsBankNumber => 20,
            Self::DateOfBirth => 21,
            Self::Custom(_) => 22,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The names of all, for people.
const NAMES: &str = "private_key, url_with_credentials, jwt, api_key, password_assignment, crypto, iban, \
                     credit_card, email, ip_address, mac_address, uk_nino, us_itin, uk_nhs, aba_routing, \
                     medical_license, us_ssn, phone, us_passport, us_driver_license, us_bank_number, \
                     date_of_birth";

/// A name that is no class.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no class of personal data; the classes are {NAMES}")]
pub struct UnknownClass(pub String);

impl FromStr for Class {
    type Err = UnknownClass;

    fn from_str(name: &str) -> Result<Self, UnknownClass> {
        let found = Self::ALL.into_iter().find(|class| class.name() == name);
        found.ok_or_else(|| UnknownClass(name.to_owned()))
    }
}

/// Which classes are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Classes(u32);

impl Classes {
    /// All of them.
    pub const ALL: Self = Self((1 << Class::ALL.len()) - 1);
    /// None.
    pub const NONE: Self = Self(0);

    /// The same and this one.
    #[must_use]
    pub const fn with(self, class: Class) -> Self {
        Self(self.0 | class.bit())
    }

    /// The same but not this one.
    #[must_use]
    pub const fn without(self, class: Class) -> Self {
        Self(self.0 & !class.bit())
    }

    /// Whether it is among them.
    pub const fn has(self, class: Class) -> bool {
        self.0 & class.bit() != 0
    }

    /// Whether one of the others is among them.
    pub(super) const fn has_any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

impl Default for Classes {
    /// Those that are [looked for by default](Class::by_default).
    fn default() -> Self {
        Class::ALL
            .into_iter()
            .filter(|class| class.by_default())
            .collect()
    }
}

impl FromIterator<Class> for Classes {
    fn from_iter<T: IntoIterator<Item = Class>>(classes: T) -> Self {
        classes.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_place_and_its_name() {
        for (place, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(class.rank() as usize, place);
            assert_eq!(class.name().parse(), Ok(class));
            assert!(Classes::ALL.has(class) && !Classes::NONE.has(class));
            assert!(!Classes::ALL.without(class).has(class));
        }
        assert!(
            "card"
                .parse::<Class>()
                .unwrap_err()
                .to_string()
                .contains("credit_card")
        );
        assert!(Classes::default().has(Class::Iban) && !Classes::default().has(Class::UsPassport));
    }
}
