//! The virtio network card in the first slot of the machine.

use core::{
    cell::{RefCell, UnsafeCell},
    ptr::NonNull,
    task::Context,
};

use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use embassy_sync::waitqueue::AtomicWaker;
use portable_atomic::{AtomicUsize, Ordering};
use static_cell::StaticCell;
use virtio_drivers::{
    BufferDirection, Hal, PAGE_SIZE, PhysAddr, device::net::VirtIONetRaw,
    transport::mmio::MmioTransport,
};

use super::{Register, exit, print, registers, status};

/// The slot's registers. The runner puts the card into slot 0.
const BASE: usize = 0x1000_1000;
/// The slot's line at the interrupt controller.
pub(super) const INTERRUPT: u32 = 1;

// What the interrupt handler needs; all else is the library's.
registers! { BASE; INTERRUPT_STATUS = 0x60, INTERRUPT_ACK = 0x64 }

/// The card's configuration: VIRTIO 1.2, 5.1.4. The library asks for VIRTIO_NET_F_STATUS, but does
/// not hand the field on.
const CONFIGURATION_STATUS: usize = BASE + 0x100 + 6;
const LINK_UP: u16 = 1;

/// Descriptors in each queue. The library wants a power of two; a frame takes one.
const QUEUE: usize = 4;
const TRANSMIT_BUFFERS: usize = 2;
/// The least the library takes for reception is 1526: header, frame and VLAN tag.
const BUFFER: usize = 1536;

static WAKER: AtomicWaker = AtomicWaker::new();

type Queues = VirtIONetRaw<Memory, MmioTransport<'static>, QUEUE>;

/// The card and the frames it shares with us. It lives in a static: the device writes to its
/// buffers at any time.
pub(crate) struct Card {
    link: LinkState,
    queues: RefCell<Queues>,
    receive: [Buffer; QUEUE],
    transmit: [Buffer; TRANSMIT_BUFFERS],
}

/// A frame with its virtio header, and who has it.
struct Buffer {
    octets: [u8; BUFFER],
    /// With the device: the token of the request, and the length of what was lent.
    lent: Option<(u16, usize)>,
}

pub(super) fn start() -> &'static mut Card {
    static CARD: StaticCell<Card> = StaticCell::new();
    let Some(header) = NonNull::new(core::ptr::with_exposed_provenance_mut(BASE)) else {
        unreachable!()
    };
    // SAFETY: the slot's registers, used by nobody else but `on_interrupt`'s two.
    let transport = unsafe { MmioTransport::new(header, 0x1000) };
    let Ok(Ok(queues)) = transport.map(Queues::new) else {
        print(format_args!("no virtio network card in slot 0"));
        exit(status::FAULT)
    };
    let card = CARD.init_with(|| Card {
        link: LinkState::Down,
        queues: RefCell::new(queues),
        receive: [const { Buffer::new() }; QUEUE],
        transmit: [const { Buffer::new() }; TRANSMIT_BUFFERS],
    });
    for buffer in &mut card.receive {
        buffer.lend_for_reception(&mut card.queues.borrow_mut());
    }
    card
}

/// Takes the interrupt back, of a queue or of a changed link, and has the network stack polled.
pub(super) fn on_interrupt() {
    INTERRUPT_ACK.write(INTERRUPT_STATUS.read());
    WAKER.wake();
}

impl Driver for Card {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(Received<'_>, ToSend<'_>)> {
        WAKER.register(cx.waker());
        let token = self.queues.borrow().poll_receive()?;
        let received = self
            .receive
            .iter_mut()
            .find(|buffer| buffer.has_token(token))?;
        let to_send = free_buffer(&self.queues, &mut self.transmit)?;
        Some((
            Received {
                queues: &self.queues,
                buffer: received,
                token,
            },
            ToSend {
                queues: &self.queues,
                buffer: to_send,
            },
        ))
    }

    fn transmit(&mut self, cx: &mut Context<'_>) -> Option<ToSend<'_>> {
        WAKER.register(cx.waker());
        let buffer = free_buffer(&self.queues, &mut self.transmit)?;
        Some(ToSend {
            queues: &self.queues,
            buffer,
        })
    }

    fn link_state(&mut self, cx: &mut Context<'_>) -> LinkState {
        WAKER.register(cx.waker());
        let status = core::ptr::with_exposed_provenance::<u16>(CONFIGURATION_STATUS);
        // SAFETY: a field of two octets in the slot's configuration, read as VIRTIO 1.2 (4.2.2.2)
        // wants it; reading changes nothing.
        let status = unsafe { status.read_volatile() };
        super::link(&mut self.link, status & LINK_UP != 0)
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = 1514;
        capabilities.max_burst_size = Some(1);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.queues.borrow().mac_address())
    }
}

/// A received frame, still in the device's queue.
pub(crate) struct Received<'a> {
    queues: &'a RefCell<Queues>,
    buffer: &'a mut Buffer,
    token: u16,
}

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, f: F) -> R {
        // SAFETY: the buffer lent with this token.
        let completed = unsafe {
            self.queues
                .borrow_mut()
                .receive_complete(self.token, &mut self.buffer.octets)
        };
        // A broken frame is handed on as an empty one, which the stack drops.
        let (header, length) = completed.unwrap_or((0, 0));
        let frame = self.buffer.octets.get_mut(header..header + length);
        let result = f(frame.unwrap_or_default());
        self.buffer
            .lend_for_reception(&mut self.queues.borrow_mut());
        result
    }
}

/// A free buffer for a frame to send.
pub(crate) struct ToSend<'a> {
    queues: &'a RefCell<Queues>,
    buffer: &'a mut Buffer,
}

impl TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let octets = &mut self.buffer.octets;
        let header = self.queues.borrow().fill_buffer_header(octets).unwrap_or(0);
        let result = f(&mut octets[header..header + length]);
        let lent = header + length;
        // SAFETY: the buffer is static and not touched again before the device is done with it.
        let token = unsafe { self.queues.borrow_mut().transmit_begin(&octets[..lent]) };
        // There are more descriptors than buffers, so this does not fail; if it does, the frame
        // is lost as on any network.
        self.buffer.lent = token.ok().map(|token| (token, lent));
        result
    }
}

impl Buffer {
    const fn new() -> Self {
        Self {
            octets: [0; BUFFER],
            lent: None,
        }
    }

    fn has_token(&self, token: u16) -> bool {
        self.lent.is_some_and(|(lent, _)| lent == token)
    }

    fn lend_for_reception(&mut self, queues: &mut Queues) {
        // SAFETY: the buffer is static and not touched again before the device is done with it.
        let token = unsafe { queues.receive_begin(&mut self.octets) };
        self.lent = token.ok().map(|token| (token, BUFFER));
    }
}

/// Takes back what the device has sent, and gives a buffer that is ours.
fn free_buffer<'a>(
    queues: &RefCell<Queues>,
    buffers: &'a mut [Buffer; TRANSMIT_BUFFERS],
) -> Option<&'a mut Buffer> {
    let mut queues = queues.borrow_mut();
    while let Some(token) = queues.poll_transmit() {
        let buffer = buffers.iter_mut().find(|buffer| buffer.has_token(token))?;
        let (_, length) = buffer.lent.take()?;
        // SAFETY: the octets lent with this token.
        unsafe { queues.transmit_complete(token, &buffer.octets[..length]) }.ok()?;
    }
    buffers.iter_mut().find(|buffer| buffer.lent.is_none())
}

/// Memory for the queues. The machine has no memory management: addresses are what they are.
struct Memory;

/// Two pages for each of the two queues.
const PAGES: usize = 4;

#[repr(align(4096))]
struct Pool(UnsafeCell<[[u8; PAGE_SIZE]; PAGES]>);

// SAFETY: each page is handed out once, by the counter in `dma_alloc`.
unsafe impl Sync for Pool {}

static POOL: Pool = Pool(UnsafeCell::new([[0; PAGE_SIZE]; PAGES]));
static TAKEN: AtomicUsize = AtomicUsize::new(0);

// SAFETY: `dma_alloc` gives zeroed, page-aligned memory that nothing else refers to.
unsafe impl Hal for Memory {
    fn dma_alloc(pages: usize, _direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let first = TAKEN.fetch_add(pages, Ordering::Relaxed);
        assert!(
            first + pages <= PAGES,
            "more queue memory than one network card needs"
        );
        // SAFETY: inside the pool by the assertion.
        let page = unsafe { POOL.0.get().cast::<[u8; PAGE_SIZE]>().add(first) };
        let page = NonNull::new(page.cast()).expect("a static has an address");
        (page.addr().get() as PhysAddr, page)
    }

    unsafe fn dma_dealloc(_address: PhysAddr, _page: NonNull<u8>, _pages: usize) -> i32 {
        // The card is never dropped.
        0
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, _size: usize) -> NonNull<u8> {
        NonNull::new(core::ptr::with_exposed_provenance_mut(address as usize))
            .expect("no device is at address 0")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _direction: BufferDirection) -> PhysAddr {
        buffer.as_ptr().expose_provenance() as PhysAddr
    }

    unsafe fn unshare(_address: PhysAddr, _buffer: NonNull<[u8]>, _direction: BufferDirection) {}
}
