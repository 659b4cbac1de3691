#pragma once

#include <string>

#include "common/error.hpp"

namespace sublet::io {

/// Checks an endpoint and writes it as libzmq understands it (`localhost` as 127.0.0.1, which it cannot bind by name).
/// `bad_argument` for anything but `tcp://HOST:PORT` and `ipc:///PATH`, and for a host that is not loopback unless `insecure_network`.
Result<std::string> checked_endpoint(const std::string& endpoint, bool insecure_network);

}  // namespace sublet::io
