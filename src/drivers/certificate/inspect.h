// A person's certificate, looked at before it is kept. What is refused and why:
// ports/certificates.h.
#pragma once

#include "ports/certificates.h"

namespace moln {

Result<InspectedCertificate> inspect_certificate(const Secret& pem, WallTime now);

}  // namespace moln
