// Asks an authority what it says of a certificate (OCSP: RFC 6960, as profiled by RFC 5019), and
// looks whether the answer is true.
#pragma once

#include <string_view>

#include "ports/certificates.h"

namespace moln {

// What the leaf of `chain` (PEM) says of it. One that cannot be read names nobody.
StapleFacts read_staple_facts(std::string_view chain, std::string_view staple);

// One POST over plain HTTP, bounded in time and size. See ports/certificates.h.
Result<Staple> ask_responder(std::string_view chain);

// The answer to a question about the leaf of `chain`, DER. `failed`: it says that the leaf is
// revoked; `refused`: that it does not know it, or nothing; `invalid`: it is not signed by the
// leaf's issuer or for it, is of another certificate, of another time, or no answer at all.
Result<Staple> read_answer(std::string_view chain, std::string_view der);

}  // namespace moln
