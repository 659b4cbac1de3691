#include <array>

#include "tests/golden/form.hpp"

// What threads do with each other and with memory. Every thread of a warp takes part; each has memory of its own.

namespace sublet::golden {
namespace {

/// Which NaN a sum with one becomes is left open.
constexpr Bound kAnyNan{.any_nan = true};

constexpr auto kThreads = std::to_array<Row>({
    {"shfl.sync.{up,down,bfly,idx}.b32", "b32 pred = b32 lane field", {}, "and.b32 %c, %c, 0x1f1f; OP %d|%e, %a, %b, %c, 0xffffffff;"},
    {"shfl.sync.{up,down,bfly,idx}.b32 {0,31,0x1807,0x1c00}", "b32 pred = b32 lane", {}, "OP %d|%e, %a, %b, $V, 0xffffffff;"},
    {"vote.sync.ballot.b32", "b32 = pred", {}, "OP %d, %a, 0xffffffff;"},
    // A warp of which all say so, and one of which nobody does.
    {"vote.sync.{all,any,uni}.pred {or,and}", "pred = pred", {}, "setp.lt.$V.u32 %d, %i, 96, %a; OP %d, %d, 0xffffffff;"},
    {"match.any.sync.{b32,b64}", "b32 = T", {}, "and.$T %a, %a, 3; OP %d, %a, 0xffffffff;"},
    {"match.all.sync.{b32,b64}", "b32 pred = T", {}, "setp.lt.u32 %e, %i, 64; selp.$T %x, 7, %a, %e; OP %d|%e, %x, 0xffffffff;"},
    {"redux.sync.{add,min,max}.{u32,s32}", "T = T", {}, "OP %d, %a, 0xffffffff;"},
    {"redux.sync.{and,or,xor}.b32", "T = T", {}, "OP %d, %a, 0xffffffff;"},
    {"activemask.b32", "b32 ="},
    {"bar.red.popc.u32", "u32 = pred", {}, "OP %d, 0, %a;"},
    {"bar.red.{and,or}.pred", "pred = pred", {}, "OP %d, 0, %a;"},
    {"barrier.red.popc.u32", "u32 = pred", {}, "OP %d, 1, %a;"},

    // Old value, and what is there afterwards.
    {"atom.global.{add,min,max}.{u32,u64}",
     "T T = T T",
     {},
     "st.global.$B [%global], %a; OP %d, [%global], %b; ld.global.$B %e, [%global];"},
    {"atom.global.{min,max}.{s32,s64}", "T T = T T", {}, "st.global.$B [%global], %a; OP %d, [%global], %b; ld.global.$B %e, [%global];"},
    {"atom.global.add.s32", "T T = T T", {}, "st.global.$B [%global], %a; OP %d, [%global], %b; ld.global.$B %e, [%global];"},
    {"atom.global.{and,or,xor,exch}.{b32,b64}",
     "T T = T T",
     {},
     "st.global.$B [%global], %a; OP %d, [%global], %b; ld.global.$B %e, [%global];"},
    {"atom.global.{inc,dec}.u32", "T T = T T", {}, "st.global.$B [%global], %a; OP %d, [%global], %b; ld.global.$B %e, [%global];"},
    {"atom.global.add.{f32,f64}", "T T = T T", kAnyNan, "st.global.$B [%global], %a; OP %d, [%global], %b; ld.global.$B %e, [%global];"},
    {"atom.global.add.noftz.{f16,f16x2,bf16,bf16x2}",
     "T T = T T",
     {},
     "st.global.$B [%global], %a; OP %d, [%global], %b; ld.global.$B %e, [%global];"},
    {"atom.global.cas.{b32,b64}", "T T = T T T", {}, "st.global.$B [%global], %a; OP %d, [%global], %b, %c; ld.global.$B %e, [%global];"},
    {"red.global.{add,min,max}.{u32,s32,u64}", "T = T T", {}, "st.global.$B [%global], %a; OP [%global], %b; ld.global.$B %d, [%global];"},
    {"red.global.{and,or,xor}.{b32,b64}", "T = T T", {}, "st.global.$B [%global], %a; OP [%global], %b; ld.global.$B %d, [%global];"},
    {"red.global.add.{f32,f64}", "T = T T", kAnyNan, "st.global.$B [%global], %a; OP [%global], %b; ld.global.$B %d, [%global];"},
    {"atom.shared.{add,min,max}.{u32,u64}", "T T = T T", {}, "st.shared.$B [%own], %a; OP %d, [%own], %b; ld.shared.$B %e, [%own];"},
    {"atom.shared.{min,max}.{s32,s64}", "T T = T T", {}, "st.shared.$B [%own], %a; OP %d, [%own], %b; ld.shared.$B %e, [%own];"},
    {"atom.shared.{and,or,xor,exch}.{b32,b64}", "T T = T T", {}, "st.shared.$B [%own], %a; OP %d, [%own], %b; ld.shared.$B %e, [%own];"},
    {"atom.shared.{inc,dec}.u32", "T T = T T", {}, "st.shared.$B [%own], %a; OP %d, [%own], %b; ld.shared.$B %e, [%own];"},
    {"atom.shared.add.{f32,f64}", "T T = T T", {}, "st.shared.$B [%own], %a; OP %d, [%own], %b; ld.shared.$B %e, [%own];"},
    {"atom.shared.cas.{b32,b64}", "T T = T T T", {}, "st.shared.$B [%own], %a; OP %d, [%own], %b, %c; ld.shared.$B %e, [%own];"},

    // A load of 8 bits fills the register's upper half by its type.
    {"ld.shared.{u8,s8}", "b16 = b64", {}, "st.shared.b64 [%own], %a; OP %d, [%own+3];"},
    {"ld.shared.{u8,s8} wide", "b64 = b64", {}, "st.shared.b64 [%own], %a; OP %d, [%own+1];"},
    {"ld.shared.{u16,s16,u32,s32} wide", "b64 = b64", {}, "st.shared.b64 [%own], %a; OP %d, [%own+4];"},
    {"ld.shared.v2.{u32,s32,f32}", "T T = b64", {}, "st.shared.b64 [%own], %a; OP {%d, %e}, [%own];"},
    {"ld.global.v2.{u16,s16,b16}", "b16 b16 = b64", {}, "st.global.b64 [%global], %a; OP {%d, %e}, [%global];"},
    {"st.shared.{u8,u16}", "b64 = b64 b64", {}, "st.shared.b64 [%own], %a; OP [%own+2], %b; ld.shared.b64 %d, [%own];"},
    {"st.global.v2.{b32,u32,s32}", "b64 = T T", {}, "OP [%global], {%a, %b}; ld.global.b64 %d, [%global];"},
});

}  // namespace

std::span<const Row> thread_rows() { return kThreads; }

}  // namespace sublet::golden
