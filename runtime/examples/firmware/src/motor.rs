//! A direct-current motor under a digital speed controller, simulated in single precision.
//!
//! The motor obeys `L·di/dt = u − R·i − k·w` and `J·dw/dt = k·i − b·w − load`, integrated with a
//! step that is far below both of its time constants. The controller sees the speed through an
//! encoder, filters it, and is called every millisecond.

/// Ohms.
const RESISTANCE: f32 = 1.0;
/// Henries.
const INDUCTANCE: f32 = 1e-3;
/// Volts per rad/s, and newton meters per ampere.
const MOTOR_CONSTANT: f32 = 0.05;
/// kg·m².
const INERTIA: f32 = 1e-4;
/// N·m per rad/s.
const FRICTION: f32 = 1e-4;
/// Volts of the supply.
const SUPPLY: f32 = 24.0;
/// Seconds between two steps of the simulation.
const STEP: f32 = 1e-4;
/// Steps between two calls of the controller.
const STEPS_PER_CALL: usize = 10;
/// Seconds between two calls of the controller.
const PERIOD: f32 = STEP * STEPS_PER_CALL as f32;
/// Calls of the controller in a test run.
const CALLS: usize = 600;
/// The call from which on the load is there.
const LOADED_FROM: usize = 300;
/// N·m.
const LOAD: f32 = 0.15;
/// rad/s.
const WANTED: f32 = 200.0;
/// The smallest difference of speeds that the encoder sees, in rad/s.
const RESOLUTION: f32 = 1.5;

/// What the controller does with its integral while the voltage is at the supply's limit.
#[derive(Clone, Copy)]
pub enum AntiWindup {
    /// It stops integrating.
    Clamping,
    /// It takes the excess back, at this rate per second.
    BackCalculation(f32),
}

/// The controller's gains.
pub struct Controller {
    /// Volts per rad/s.
    pub proportional: f32,
    /// Volts per rad.
    pub integral: f32,
    /// Share of the filtered speed that stays from one call to the next.
    pub filter: f32,
    /// What it does at the limit.
    pub anti_windup: AntiWindup,
}

/// Cost of a test run: from rest to the wanted speed, then a load. It is the mean deviation in
/// rad/s, that above the wanted speed counting four times, and the mean change of the voltage from
/// one call to the next, in volts.
pub fn cost(controller: &Controller) -> f32 {
    let (mut current, mut speed, mut seen, mut integral, mut voltage) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let (mut deviation, mut changes) = (0.0, 0.0);
    for call in 0..CALLS {
        let measured = (speed / RESOLUTION) as i32 as f32 * RESOLUTION;
        seen += (1.0 - controller.filter) * (measured - seen);
        let error = WANTED - seen;
        let demanded = controller.proportional * error + integral;
        let next = demanded.clamp(-SUPPLY, SUPPLY);
        let excess = demanded - next;
        let rate = controller.integral * error;
        integral += PERIOD
            * match controller.anti_windup {
                AntiWindup::Clamping if excess != 0.0 => 0.0,
                AntiWindup::Clamping => rate,
                AntiWindup::BackCalculation(tracking) => rate - tracking * excess,
            };
        changes += (next - voltage).abs();
        voltage = next;
        let load = if call >= LOADED_FROM { LOAD } else { 0.0 };
        for _ in 0..STEPS_PER_CALL {
            let back = voltage - RESISTANCE * current - MOTOR_CONSTANT * speed;
            let torque = MOTOR_CONSTANT * current - FRICTION * speed - load;
            current += STEP / INDUCTANCE * back;
            speed += STEP / INERTIA * torque;
        }
        let off: f32 = speed - WANTED;
        deviation += if off > 0.0 { 4.0 * off } else { -off };
    }
    (deviation + changes) / CALLS as f32
}
