"""微信公众号: the adapter between an official account and the gateway.

A customer's openid stays in here: the gateway knows them by a token that is derived from it and leads nowhere back.
"""
