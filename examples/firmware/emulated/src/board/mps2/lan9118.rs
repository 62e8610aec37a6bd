//! SMSC LAN9118 Ethernet controller: both FIFOs by programmed I/O, interrupts for received frames,
//! room to send, and a change of the link.

use core::task::Context;

use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use embassy_sync::waitqueue::AtomicWaker;
use static_cell::ConstStaticCell;

use super::{Register, registers};

/// The longest Ethernet frame without its checksum, rounded up to words.
const FRAME: usize = 1516;
/// Octets of the frame check sequence, which the device counts on reception.
const FCS: usize = 4;

registers! { 0x4020_0000;
    RX_DATA_FIFO = 0x00, TX_DATA_FIFO = 0x20, RX_STATUS_FIFO = 0x40, TX_STATUS_FIFO = 0x48,
    IRQ_CFG = 0x54, INT_STS = 0x58, INT_EN = 0x5C, BYTE_TEST = 0x64, FIFO_INT = 0x68,
    RX_CFG = 0x6C, TX_CFG = 0x70, HW_CFG = 0x74, RX_FIFO_INF = 0x7C, TX_FIFO_INF = 0x80,
    MAC_CSR_CMD = 0xA4, MAC_CSR_DATA = 0xA8,
}

/// BYTE_TEST reads so when the bus is not mirrored and the device is awake.
const BYTE_TEST_VALUE: u32 = 0x8765_4321;
/// TX_FIF_SZ = 5 KiB of the 16 KiB for transmission, and MBO, the bit that "must be one".
const HW_CFG_VALUE: u32 = 5 << 16 | 1 << 20;
/// TX_ON: the transmitter runs.
const TX_CFG_VALUE: u32 = 1 << 1;
/// TDFA: interrupt when 26 blocks of 64 octets, a whole frame, fit the transmit FIFO. RSFL: when
/// more than 0 frames wait.
const FIFO_INT_VALUE: u32 = 26 << 24;
/// IRQ_EN, active high, push-pull.
const IRQ_CFG_VALUE: u32 = 1 << 8 | 1 << 4 | 1;
const INT_RSFL: u32 = 1 << 3;
/// What the PHY has to say: enabled whenever anything is.
const INT_PHY: u32 = 1 << 18;
const INT_TDFA: u32 = 1 << 23;
/// FIRST_SEG and LAST_SEG: the buffer is the whole frame.
const TX_COMMAND_WHOLE: u32 = 1 << 13 | 1 << 12;

/// Registers of the MAC, behind MAC_CSR_CMD.
const MAC_CR: u32 = 1;
const MAC_ADDRH: u32 = 2;
const MAC_ADDRL: u32 = 3;
const MAC_MII_ACC: u32 = 6;
const MAC_MII_DATA: u32 = 7;
const MAC_CR_VALUE: u32 = 1 << 3 | 1 << 2;
const CSR_BUSY: u32 = 1 << 31;
const CSR_READ: u32 = 1 << 30;

/// The PHY inside is number 1 on its bus; MIIBZY starts an access, and goes when it is done.
const MII_PHY: u32 = 1 << 11;
const MII_WRITE: u32 = 1 << 1;
const MII_BUSY: u32 = 1;
/// Registers of the PHY, behind MAC_MII_ACC.
const PHY_STATUS: u32 = 1;
const PHY_INTERRUPT_SOURCE: u32 = 29;
const PHY_INTERRUPT_MASK: u32 = 30;
const PHY_STATUS_LINK: u32 = 1 << 2;
/// Link down, and auto-negotiation complete: the link is up.
const PHY_INTERRUPTS: u32 = 1 << 4 | 1 << 6;

static WAKER: AtomicWaker = AtomicWaker::new();

/// The controller, with room for one frame in each direction.
pub(crate) struct Lan9118 {
    address: [u8; 6],
    link: LinkState,
    received: [u8; FRAME],
    to_send: [u8; FRAME],
}

pub(super) fn start() -> &'static mut Lan9118 {
    static CARD: ConstStaticCell<Lan9118> = ConstStaticCell::new(Lan9118 {
        address: [0; 6],
        link: LinkState::Down,
        received: [0; FRAME],
        to_send: [0; FRAME],
    });
    while BYTE_TEST.read() != BYTE_TEST_VALUE {}
    HW_CFG.write(HW_CFG_VALUE);
    RX_CFG.write(0);
    TX_CFG.write(TX_CFG_VALUE);
    FIFO_INT.write(FIFO_INT_VALUE);
    IRQ_CFG.write(IRQ_CFG_VALUE);
    write_mac(MAC_CR, MAC_CR_VALUE);
    write_phy(PHY_INTERRUPT_MASK, PHY_INTERRUPTS);
    let card = CARD.take();
    let (low, high) = (
        read_mac(MAC_ADDRL).to_le_bytes(),
        read_mac(MAC_ADDRH).to_le_bytes(),
    );
    card.address = [low[0], low[1], low[2], low[3], high[0], high[1]];
    super::link(&mut card.link, link_is_up());
    card
}

/// Silences the controller and has the network stack polled; it asks for the next interrupt
/// itself when it finds nothing to do.
pub(super) fn on_interrupt() {
    INT_EN.write(0);
    WAKER.wake();
}

impl Driver for Lan9118 {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(Received<'_>, ToSend<'_>)> {
        if waiting_frames() == 0 {
            WAKER.register(cx.waker());
            INT_STS.write(INT_RSFL);
            INT_EN.write(INT_PHY | INT_RSFL);
            // One that came before the status was cleared raises no interrupt.
            if waiting_frames() == 0 {
                return None;
            }
        }
        if !transmit_room(cx) {
            return None;
        }
        Some((Received(&mut self.received), ToSend(&mut self.to_send)))
    }

    fn transmit(&mut self, cx: &mut Context<'_>) -> Option<ToSend<'_>> {
        transmit_room(cx).then_some(ToSend(&mut self.to_send))
    }

    fn link_state(&mut self, cx: &mut Context<'_>) -> LinkState {
        WAKER.register(cx.waker());
        // The PHY is slow to reach: it is asked when it called.
        if INT_STS.read() & INT_PHY != 0 {
            // Reading the source takes the PHY's interrupt back.
            read_phy(PHY_INTERRUPT_SOURCE);
            INT_STS.write(INT_PHY);
            super::link(&mut self.link, link_is_up());
        }
        self.link
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = 1514;
        capabilities.max_burst_size = Some(1);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.address)
    }
}

/// A frame waits in the receive FIFO.
pub(crate) struct Received<'a>(&'a mut [u8; FRAME]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, f: F) -> R {
        let with_fcs = (RX_STATUS_FIFO.read() >> 16 & 0x3FFF) as usize;
        let (words, _) = self.0.as_chunks_mut::<4>();
        // All of a frame is taken out of the FIFO, also what no buffer of ours would hold.
        for index in 0..with_fcs.div_ceil(4) {
            let word = RX_DATA_FIFO.read();
            if let Some(room) = words.get_mut(index) {
                *room = word.to_le_bytes();
            }
        }
        let length = with_fcs.saturating_sub(FCS).min(FRAME);
        f(&mut self.0[..length])
    }
}

/// There is room for a frame in the transmit FIFO.
pub(crate) struct ToSend<'a>(&'a mut [u8; FRAME]);

impl TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let result = f(&mut self.0[..length]);
        TX_DATA_FIFO.write(TX_COMMAND_WHOLE | length as u32);
        TX_DATA_FIFO.write(length as u32);
        let (words, _) = self.0.as_chunks::<4>();
        for word in &words[..length.div_ceil(4)] {
            TX_DATA_FIFO.write(u32::from_le_bytes(*word));
        }
        result
    }
}

fn waiting_frames() -> u32 {
    RX_FIFO_INF.read() >> 16 & 0xFF
}

/// Whether a whole frame fits the transmit FIFO; if not, an interrupt comes when it does.
fn transmit_room(cx: &mut Context<'_>) -> bool {
    for _ in 0..TX_FIFO_INF.read() >> 16 & 0xFF {
        TX_STATUS_FIFO.read();
    }
    let fits = TX_FIFO_INF.read() & 0xFFFF >= FRAME as u32 + 8;
    if !fits {
        WAKER.register(cx.waker());
        INT_STS.write(INT_TDFA);
        INT_EN.write(INT_PHY | INT_RSFL | INT_TDFA);
    }
    fits
}

fn link_is_up() -> bool {
    // IEEE 802.3, 22.2.4.2.13: a link that was down reads as down once more.
    read_phy(PHY_STATUS);
    read_phy(PHY_STATUS) & PHY_STATUS_LINK != 0
}

fn read_phy(register: u32) -> u32 {
    access_phy(register, 0);
    read_mac(MAC_MII_DATA)
}

fn write_phy(register: u32, value: u32) {
    write_mac(MAC_MII_DATA, value);
    access_phy(register, MII_WRITE);
}

fn access_phy(register: u32, direction: u32) {
    write_mac(MAC_MII_ACC, MII_PHY | register << 6 | direction | MII_BUSY);
    while read_mac(MAC_MII_ACC) & MII_BUSY != 0 {}
}

fn read_mac(register: u32) -> u32 {
    MAC_CSR_CMD.write(CSR_BUSY | CSR_READ | register);
    while MAC_CSR_CMD.read() & CSR_BUSY != 0 {}
    MAC_CSR_DATA.read()
}

fn write_mac(register: u32, value: u32) {
    MAC_CSR_DATA.write(value);
    MAC_CSR_CMD.write(CSR_BUSY | register);
    while MAC_CSR_CMD.read() & CSR_BUSY != 0 {}
}
