#pragma once

#include <vector>

#include "gpu-worker/device.hpp"
#include "tests/golden/form.hpp"
#include "tests/golden/kernel_case.hpp"
#include "tests/golden/record_file.hpp"

namespace sublet::golden {

/// More bytes than this of what a kernel leaves and has to be exact are recorded as a hash.
inline constexpr std::size_t kMostBytes = 2048;

/// The results of a form, in their order, in a session of its own. Throws `std::runtime_error` where the device refuses it.
std::vector<Output> run(Device& device, const Form& form);

/// What a kernel leaves in each buffer that counts, in their order.
std::vector<Output> run(Device& device, const KernelCase& kernel);

}  // namespace sublet::golden
