"""What programs that send events or act on verdicts import: Kafka and the contract, nothing else of Menshen."""

from menshen.contract.decoding import Undecodable
from menshen.contract.opening import opens
from menshen.kafka_clients.broker import Unreachable
from menshen.kafka_clients.consumer import Rejection, VerdictConsumer
from menshen.kafka_clients.producer import EventProducer, NotSent, Place, Receipt

__all__ = [
    "EventProducer",
    "NotSent",
    "Place",
    "Receipt",
    "Rejection",
    "Undecodable",
    "Unreachable",
    "VerdictConsumer",
    "opens",
]
