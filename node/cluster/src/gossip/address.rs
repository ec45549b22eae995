//! Where the others reach us.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::GossipError;
use super::seeds::resolve;

/// Our own name may be known to the name server only some time after our start.
const PATIENCE: Duration = Duration::from_secs(10);
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// The address to tell the others: `advertise` (`host:port`) resolved, or where we listen.
pub(super) async fn advertised(
    advertise: Option<&str>,
    bound: SocketAddr,
) -> Result<SocketAddr, GossipError> {
    let Some(advertise) = advertise else {
        if bound.ip().is_unspecified() {
            return Err(GossipError::NoAddress { listen: bound });
        }
        return Ok(bound);
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let fault = match resolve(advertise.to_owned()).await {
            Ok(found) => match choose(&found, bound) {
                Some(address) => return Ok(address),
                None => format!("none of its addresses can be reached through {bound}"),
            },
            Err(fault) => fault,
        };
        if Instant::now() + TRY_AGAIN > deadline {
            let advertise = advertise.to_owned();
            return Err(GossipError::Advertise { advertise, fault });
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

/// The first address that others can reach through the socket that is bound to `bound`.
fn choose(found: &[SocketAddr], bound: SocketAddr) -> Option<SocketAddr> {
    let usable = |address: &&SocketAddr| !address.ip().is_unspecified() && address.port() != 0;
    // A socket on `::` takes both families.
    let both = bound.is_ipv6() && bound.ip().is_unspecified();
    let same = |address: &&SocketAddr| both || address.is_ipv4() == bound.is_ipv4();
    found.iter().filter(usable).find(same).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn where_we_listen_is_told_unless_it_is_no_address() {
        assert_eq!(
            advertised(None, at("10.0.0.1:7946")).await.unwrap(),
            at("10.0.0.1:7946")
        );
        for nowhere in ["0.0.0.0:7946", "[::]:7946"] {
            let fault = advertised(None, at(nowhere)).await.unwrap_err();
            assert!(matches!(fault, GossipError::NoAddress { .. }));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_configured_must_be_an_address_for_others() {
        let listen = at("0.0.0.0:7946");
        assert_eq!(
            advertised(Some("10.0.0.1:1"), listen).await.unwrap(),
            at("10.0.0.1:1")
        );
        for useless in ["0.0.0.0:7946", "10.0.0.1:0", "10.0.0.1"] {
            let fault = advertised(Some(useless), listen).await.unwrap_err();
            assert!(matches!(fault, GossipError::Advertise { .. }), "{useless}");
        }
    }

    #[test]
    fn the_family_of_the_socket_is_told() {
        let found = [at("[fd00::1]:7946"), at("10.0.0.1:7946")];
        assert_eq!(choose(&found, at("10.0.0.9:7946")), Some(found[1]));
        assert_eq!(choose(&found, at("0.0.0.0:7946")), Some(found[1]));
        assert_eq!(choose(&found, at("[fd00::9]:7946")), Some(found[0]));
        assert_eq!(choose(&found, at("[::]:7946")), Some(found[0]));
        assert_eq!(choose(&found[1..], at("[fd00::9]:7946")), None);
        assert_eq!(choose(&found[1..], at("[::]:7946")), Some(found[1]));
    }
}
