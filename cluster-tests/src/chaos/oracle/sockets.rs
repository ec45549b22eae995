//! The connections of a port, as the system's own table has them: of several names of one server it tells which.

use std::collections::HashMap;
use std::net::Ipv4Addr;

/// Each open connection of the port `port` of this network: from whom, and to which of our addresses. Who has one to two of
/// them from the same port of its own is left out: the server tells no more than that port.
pub(super) fn of_port(port: u16) -> HashMap<(Ipv4Addr, u16), Ipv4Addr> {
    std::fs::read_to_string("/proc/net/tcp")
        .map(|table| read(&table, port))
        .unwrap_or_default()
}

fn read(table: &str, port: u16) -> HashMap<(Ipv4Addr, u16), Ipv4Addr> {
    const ESTABLISHED: &str = "01";
    let of_line = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, remote) = (endpoint(fields.next()?)?, endpoint(fields.next()?)?);
        let open = fields.next()? == ESTABLISHED && local.1 == port;
        open.then_some((remote, local.0))
    };
    let mut open = HashMap::new();
    let mut twice = Vec::new();
    for (remote, local) in table.lines().filter_map(of_line) {
        if open.insert(remote, local).is_some_and(|before| before != local) {
            twice.push(remote);
        }
    }
    open.retain(|remote, _| !twice.contains(remote));
    open
}

/// `0100007F:1F90` is 127.0.0.1:8080: the address as the machine keeps it in memory, the port as people write it.
fn endpoint(text: &str) -> Option<(Ipv4Addr, u16)> {
    let (address, port) = text.split_once(':')?;
    let address = u32::from_str_radix(address, 16).ok()?;
    let port = u16::from_str_radix(port, 16).ok()?;
    Some((Ipv4Addr::from(address.to_ne_bytes()), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn connections_of_a_port_are_read() {
        let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   1: 01C94D0A:1F90 02004D0A:D6B0 01 00000000:00000000 00:00000000 00000000     0
   2: 02C94D0A:1F90 02004D0A:D6B2 06 00000000:00000000 00:00000000 00000000     0
   3: 02C94D0A:1F91 02004D0A:D6B4 01 00000000:00000000 00:00000000 00000000     0
   4: 01C94D0A:1F90 02004D0A:D6B6 01 00000000:00000000 00:00000000 00000000     0
   5: 02C94D0A:1F90 02004D0A:D6B6 01 00000000:00000000 00:00000000 00000000     0
";
        let wanted = [(
            (Ipv4Addr::new(10, 77, 0, 2), 0xD6B0),
            Ipv4Addr::new(10, 77, 201, 1),
        )];
        assert_eq!(read(table, 8_080), wanted.into());
    }
}
