//! Writes captures: the reverse of what is tested, as simple as the formats allow.

use crate::capture::bytes::Order;

/// Byte for byte, in the order of the file.
pub struct Builder {
    pub order: Order,
    pub bytes: Vec<u8>,
}

impl Builder {
    pub fn u16(&mut self, value: u16) -> &mut Self {
        let octets = if self.order == Order::Little { value.to_le_bytes() } else { value.to_be_bytes() };
        self.raw(&octets)
    }

    pub fn u32(&mut self, value: u32) -> &mut Self {
        let octets = if self.order == Order::Little { value.to_le_bytes() } else { value.to_be_bytes() };
        self.raw(&octets)
    }

    pub fn raw(&mut self, octets: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(octets);
        self
    }

    /// A pcap file's header; `magic` is `a1b2c3d4` for microseconds, `a1b23c4d` for nanoseconds.
    pub fn pcap(order: Order, magic: u32, link_type: u32) -> Self {
        let mut this = Self { order, bytes: Vec::new() };
        this.u32(magic).u16(2).u16(4).u32(0).u32(0).u32(262_144).u32(link_type);
        this
    }

    pub fn record(&mut self, seconds: u32, fraction: u32, frame: &[u8], wire: u32) -> &mut Self {
        self.u32(seconds).u32(fraction).u32(u32::try_from(frame.len()).unwrap()).u32(wire).raw(frame)
    }

    pub fn pcapng(order: Order) -> Self {
        let mut this = Self { order, bytes: Vec::new() };
        this.section();
        this
    }

    pub fn section(&mut self) -> &mut Self {
        let mut body = Self { order: self.order, bytes: Vec::new() };
        body.u32(0x1a2b_3c4d).u16(1).u16(0).u32(u32::MAX).u32(u32::MAX);
        self.block(0x0a0d_0d0a, &body.bytes)
    }

    pub fn block(&mut self, kind: u32, body: &[u8]) -> &mut Self {
        let padding = body.len().next_multiple_of(4) - body.len();
        let length = u32::try_from(12 + body.len() + padding).unwrap();
        self.u32(kind).u32(length).raw(body).raw(&[0; 3][..padding]).u32(length)
    }

    pub fn interface(&mut self, link_type: u16, options: &[(u16, &[u8])]) -> &mut Self {
        let mut body = Self { order: self.order, bytes: Vec::new() };
        body.u16(link_type).u16(0).u32(0);
        for (code, value) in options {
            let padding = value.len().next_multiple_of(4) - value.len();
            body.u16(*code).u16(u16::try_from(value.len()).unwrap()).raw(value).raw(&[0; 3][..padding]);
        }
        body.u32(0);
        self.block(1, &body.bytes)
    }

    pub fn enhanced(&mut self, interface: u32, units: u64, frame: &[u8]) -> &mut Self {
        let length = u32::try_from(frame.len()).unwrap();
        let mut body = Self { order: self.order, bytes: Vec::new() };
        body.u32(interface)
            .u32(u32::try_from(units >> 32).unwrap())
            .u32(u32::try_from(units & 0xffff_ffff).unwrap())
            .u32(length)
            .u32(length)
            .raw(frame);
        self.block(6, &body.bytes)
    }

    pub fn simple(&mut self, frame: &[u8]) -> &mut Self {
        let mut body = Self { order: self.order, bytes: Vec::new() };
        body.u32(u32::try_from(frame.len()).unwrap()).raw(frame);
        self.block(3, &body.bytes)
    }
}

/// An Ethernet frame: 10.0.0.1 sends a SYN from port 4000 to port 80 of 10.0.0.2.
pub fn syn() -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = etherparse::PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
    builder.tcp(4000, 80, 7, 1024).syn().write(&mut frame, &[]).unwrap();
    frame
}

/// A pcap file of `count` SYN packets, one a second.
pub fn pcap_of_syns(count: u32) -> Vec<u8> {
    let mut file = Builder::pcap(Order::Little, 0xa1b2_c3d4, 1);
    for second in 0..count {
        file.record(1000 + second, 0, &syn(), 60);
    }
    file.bytes
}

/// A pcapng file of `count` SYN packets, one a second.
pub fn pcapng_of_syns(count: u32) -> Vec<u8> {
    let mut file = Builder::pcapng(Order::Little);
    file.interface(1, &[]);
    for second in 0..count {
        file.enhanced(0, u64::from(1000 + second) * 1_000_000, &syn());
    }
    file.bytes
}
