"""A name server on loopback that knows TXT records, which is where clients look for a Region to be redirected to."""

import socket
import threading
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

_LARGEST = 4096


@dataclass(frozen=True)
class _Record:
    values: tuple[str, ...]
    ttl: int


class NameServer:
    """Answers over UDP, from the moment it is made.

    Attributes
    ----------
    port : int
        Of 127.0.0.1.
    """

    def __init__(self) -> None:
        self._records: dict[dns.name.Name, _Record] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def set_txt(self, name: str, values: list[str], ttl: int = 60) -> None:
        """Set the TXT record of a name, seconds to live included; without values, there is no such name."""
        key = dns.name.from_text(name.lower())
        if values:
            self._records[key] = _Record(tuple(values), ttl)
        else:
            self._records.pop(key, None)

    def _serve(self) -> None:
        while True:
            sent, caller = self._socket.recvfrom(_LARGEST)
            try:
                answer = self._answer(dns.message.from_wire(sent))
            except dns.exception.DNSException:
                continue  # what is no question gets no answer
            self._socket.sendto(answer.to_wire(), caller)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA | dns.flags.RA
        for question in query.question:
            record = self._records.get(question.name.canonicalize())
            if record is None:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            elif question.rdtype == dns.rdatatype.TXT:
                texts = [f'"{value}"' for value in record.values]
                answer.answer.append(dns.rrset.from_text(question.name, record.ttl, "IN", "TXT", *texts))
        return answer
