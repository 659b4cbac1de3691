#pragma once

namespace sublet::chaos {

/// Descriptors that chaos_producer finds.
inline constexpr int kRecordFd = 4;     ///< it writes records
inline constexpr int kAllowanceFd = 5;  ///< it reads how many chunks of the burst it may submit, as 8 bytes each time

}  // namespace sublet::chaos
