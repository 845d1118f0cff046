// What is wrong with what a route asks of its clients' certificates, as far as the text alone tells
// it: whether each block is a certificate is found where there is X.509 (ports/certificates.h).
#pragma once

#include "base/result.h"
#include "model/traffic.h"

namespace moln {

// "expected …, found …". Nothing of a text that may be a private key is shown.
Status validate_client_cert(const ClientCertSpec& spec);

}  // namespace moln
