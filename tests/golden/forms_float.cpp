#include <array>

#include "tests/golden/form.hpp"

// Single, double and half precision. What stands beside a form is what the PTX ISA (9.0, "Floating Point Instructions" and "Half Precision
// Floating Point Instructions") lets a device differ by.

namespace sublet::golden {
namespace {

constexpr Bound kTwoPlaces{.relative = 0x1p-22};                       // at most 2 ulp
constexpr Bound kOnePlace{.relative = 0x1p-23};                        // at most 1 ulp; sqrt: relative, 2^-23
constexpr Bound kReciprocalRoot{.relative = 0x1.13p-23};               // relative, 2^-22.9
constexpr Bound kSmallAngle{.absolute = 0x1.6bp-21};                   // absolute, 2^-20.5 in [-2pi, 2pi]
constexpr Bound kLargeAngle{.absolute = 0x1.3bp-15};                   // absolute, 2^-14.7 in [-100pi, 100pi]
constexpr Bound kLogarithm{.relative = 0x1p-22, .absolute = 0x1p-22};  // absolute, 2^-22 in [0.5, 2]; relative, 2^-22 outside
constexpr Bound kHyperbolic{.relative = 0x1p-11};                      // relative, 2^-11
constexpr Bound kHalfHyperbolic{.absolute = 0x1.03p-11};               // f16: absolute, 2^-10.987
constexpr Bound kBrainHyperbolic{.absolute = 0x1p-8};                  // bf16: absolute, 2^-8
constexpr Bound kHalfPower{.relative = 0x1.13p-10};                    // f16: relative, 2^-9.9
constexpr Bound kBrainPower{.relative = 0x1p-7};                       // bf16: relative, 2^-7
constexpr Bound kCoarse{.relative = 0x1p-19};                          // no bound is stated

constexpr auto kFloats = std::to_array<Row>({
    {"{add,sub,mul}{,.rn,.rz,.rm,.rp}{,.ftz}{,.sat}.f32", "T = T T"},
    {"{add,sub,mul}{,.rn,.rz,.rm,.rp}.f64", "T = T T"},
    {"{fma,mad}.{rn,rz,rm,rp}{,.ftz}{,.sat}.f32", "T = T T T"},
    {"{fma,mad}.{rn,rz,rm,rp}.f64", "T = T T T"},
    // Where more combinations of two corner cases fit: products that are just below the least normal number, and two NaN.
    {"fma.{rn,rz,rm,rp}{,.ftz}.f32 product", "T = T T", {}, "OP %d, %a, %b, 0f80000000;"},
    {"fma.{rn,rz,rm,rp}.f64 product", "T = T T", {}, "OP %d, %a, %b, 0d8000000000000000;"},
    {"fma.{rn,rz,rm,rp}.f64 sum", "T = T T", {}, "OP %d, %a, 0d3FF0000000000000, %b;"},
    {"div.{rn,rz,rm,rp}{,.ftz}.f32", "T = T T"},
    {"div.{rn,rz,rm,rp}.f64", "T = T T"},
    {"div.{approx,full}{,.ftz}.f32", "T = T T", kTwoPlaces},
    {"{rcp,sqrt}.{rn,rz,rm,rp}{,.ftz}.f32", "T = T"},
    {"{rcp,sqrt}.{rn,rz,rm,rp}.f64", "T = T"},
    {"{rcp,sqrt}.approx{,.ftz}.f32", "T = T", kOnePlace},
    {"rsqrt.approx{,.ftz}.f32", "T = T", kReciprocalRoot},
    {"{rcp,rsqrt}.approx.ftz.f64", "T = T", kCoarse},
    {"rsqrt.approx.f64", "T = T", kCoarse},
    {"{sin,cos}.approx{,.ftz}.f32 small", "T = turn", kSmallAngle},
    {"{sin,cos}.approx{,.ftz}.f32 large", "T = turns", kLargeAngle},
    {"lg2.approx{,.ftz}.f32", "T = T", kLogarithm},
    {"ex2.approx{,.ftz}.f32", "T = T", kTwoPlaces},
    {"tanh.approx.f32", "T = T", kHyperbolic},
    {"{abs,neg}{,.ftz}.f32", "T = T"},
    {"{abs,neg}.f64", "T = T"},
    {"{min,max}{,.ftz}{,.NaN}.f32", "T = T T"},
    {"{min,max}.f64", "T = T T"},
    {"copysign.{f32,f64}", "T = T T"},
    {"testp.{finite,infinite,number,notanumber,normal,subnormal}.{f32,f64}", "pred = T"},
});

constexpr auto kHalves = std::to_array<Row>({
    {"{add,sub,mul}{,.rn}{,.ftz}{,.sat}.{f16,f16x2}", "T = T T"},
    {"{add,sub,mul}{,.rn}.{bf16,bf16x2}", "T = T T"},
    {"fma.rn{,.ftz}{,.sat,.relu}.{f16,f16x2}", "T = T T T"},
    {"fma.rn{,.ftz}.f16 product", "T = T T", {}, "mov.b16 %x, 0x8000; OP %d, %a, %b, %x;"},
    {"fma.rn{,.relu}.{bf16,bf16x2}", "T = T T T"},
    {"{abs,neg}{,.ftz}.{f16,f16x2}", "T = T"},
    {"{abs,neg}.{bf16,bf16x2}", "T = T"},
    {"{min,max}{,.ftz}{,.NaN}.{f16,f16x2}", "T = T T"},
    {"{min,max}{,.NaN}.{bf16,bf16x2}", "T = T T"},
    {"tanh.approx.{f16,f16x2}", "T = T", kHalfHyperbolic},
    {"tanh.approx.{bf16,bf16x2}", "T = T", kBrainHyperbolic},
    {"ex2.approx.{f16,f16x2}", "T = T", kHalfPower},
    {"ex2.approx.ftz.{bf16,bf16x2}", "T = T", kBrainPower},
});

}  // namespace

std::span<const Row> float_rows() { return kFloats; }
std::span<const Row> half_rows() { return kHalves; }

}  // namespace sublet::golden
