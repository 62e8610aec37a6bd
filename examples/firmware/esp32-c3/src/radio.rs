//! The Wi-Fi radio: its task, and joining the network again when it is lost.

use embassy_executor::Spawner;
use embassy_net::{Config, Stack, StackResources};
use embassy_time::Timer;
use esp_hal::peripherals::WIFI;
use esp_radio::wifi::{
    self, AuthenticationMethodConfig, ControllerConfig, Interface, WifiController,
    sta::StationConfig,
};
use static_cell::ConstStaticCell;

/// The network's name, from the environment at build time.
const SSID: &str = env!(
    "WIFI_SSID",
    "set WIFI_SSID to the name of the wireless network"
);
/// Its passphrase; none for an open network.
const PASSPHRASE: Option<&str> = option_env!("WIFI_PASSPHRASE");

/// Sockets at one time: DHCP, DNS, and two of TCP.
const SOCKETS: usize = 4;
const PAUSE_BETWEEN_JOINS_S: u64 = 5;

/// Starts the radio and the network stack. `seed` is for port numbers and the like.
pub(crate) fn start(spawner: Spawner, radio: WIFI<'static>, seed: u64) -> Stack<'static> {
    static RESOURCES: ConstStaticCell<StackResources<SOCKETS>> =
        ConstStaticCell::new(StackResources::new());

    let controller = WifiController::new(radio, ControllerConfig::default())
        .expect("the radio is there and taken once");
    let (stack, runner) = embassy_net::new(
        Interface::station(),
        Config::dhcpv4(embassy_net::DhcpConfig::default()),
        RESOURCES.take(),
        seed,
    );
    spawner.spawn(network(runner).expect("spawned once"));
    spawner.spawn(membership(controller).expect("spawned once"));
    stack
}

#[embassy_executor::task]
async fn network(mut runner: embassy_net::Runner<'static, Interface>) -> ! {
    runner.run().await
}

/// Keeps the board in the wireless network.
#[embassy_executor::task]
async fn membership(mut controller: WifiController<'static>) -> ! {
    let authentication = PASSPHRASE.map_or(AuthenticationMethodConfig::Open, |passphrase| {
        AuthenticationMethodConfig::Wpa2Personal(
            passphrase
                .try_into()
                .expect("a passphrase has 8 to 63 octets"),
        )
    });
    let station = StationConfig::default()
        .with_ssid(
            SSID.try_into()
                .expect("a network's name has at most 32 octets"),
        )
        .with_authentication(authentication);
    controller
        .set_config(&wifi::Config::Station(station))
        .expect("the configuration is legal");
    loop {
        match controller.connect_async().await {
            Ok(_) => {
                defmt::info!("joined {}", SSID);
                let left = controller.wait_for_disconnect_async().await;
                defmt::warn!("lost {}: {}", SSID, left);
            }
            Err(error) => defmt::warn!("cannot join {}: {}", SSID, error),
        }
        Timer::after_secs(PAUSE_BETWEEN_JOINS_S).await;
    }
}
