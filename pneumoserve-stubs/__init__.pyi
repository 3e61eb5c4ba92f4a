# What type checkers read of pneumoserve.py: a single module cannot carry the mark py.typed (PEP 561).
from app.api.schemas import Health as Health
from app.api.schemas import ModelDescription as ModelDescription
from app.api.schemas import Prediction as Prediction
from batch.async_client import AsyncClient as AsyncClient
from batch.client import Client as Client
from batch.errors import ClientError as ClientError
from batch.errors import NoAnswer as NoAnswer
from batch.errors import Problem as Problem
from batch.errors import UnexpectedAnswer as UnexpectedAnswer
from batch.errors import WrongAddress as WrongAddress
from batch.retry import ONCE as ONCE
from batch.retry import RetryPolicy as RetryPolicy
